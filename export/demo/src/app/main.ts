/**
 * Starts the page.
 */

import { Controls } from './controls';
import { element } from './elements';
import { listenToKeys } from './keyboard';
import { DIGITS, load } from './loading';
import { showError } from './messages';
import { Page } from './page';
import { Settings } from './settings';
import { Demo, type Parts } from './test_access';
import { View } from './view';

async function start(): Promise<Parts> {
  makeDigitButtons();
  const settings = new Settings(location.hash);
  const controls = new Controls(settings);
  controls.show();
  const loaded = await load(settings);
  const view = new View(settings, loaded.samples);
  const page = new Page(settings, controls, view, loaded);
  await page.start();
  listenToKeys();
  return { session: page.session, view, settings };
}

/** A button for each digit. It is also the legend: handwriting in its colour, and its votes. */
function makeDigitButtons(): void {
  const buttons = Array.from({ length: DIGITS }, (_, label) => {
    const made = document.createElement('button');
    made.id = `digit-${label}`;
    made.type = 'button';
    made.setAttribute('aria-label', `Digit ${label}`);
    const name = Object.assign(document.createElement('span'), { textContent: `${label}` });
    made.append(document.createElement('canvas'), name);
    return made;
  });
  element('digits', HTMLDivElement).replaceChildren(...buttons);
}

const starting = start();
window.demo = new Demo(starting);
starting.catch((error: unknown) => {
  element('decision', HTMLSpanElement).textContent = 'The cells could not be loaded.';
  showError(error);
});
