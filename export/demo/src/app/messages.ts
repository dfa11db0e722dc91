/**
 * Where the page says that something went wrong, or that it did something of its own accord, in a
 * line that its user understands.
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

/** Tells what the page did, in its live region; '' takes the last such line away. */
export function tell(text: string): void {
  if (line.textContent !== text) line.textContent = text;
}
