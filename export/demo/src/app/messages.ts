/**
 * Where the page says in plain words what went wrong, or what it did without being asked.
 */

import { ReadableError } from '../engine/readable_error';
import { element } from './elements';

const box = element('message', HTMLParagraphElement);
const line = element('notice', HTMLParagraphElement);

/** Shows an error; unexpected ones also go to the console. */
export function showError(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ReadableError)) console.error(error);
  box.textContent = error instanceof ReadableError ? text : `Something went wrong: ${text}`;
  box.hidden = false;
}

/** Takes the message away, after something has worked. */
export function clearError(): void {
  box.hidden = true;
  box.textContent = '';
}

/** Says what the page did, in its live region; '' clears it. */
export function showNotice(text: string): void {
  if (line.textContent !== text) line.textContent = text;
}
