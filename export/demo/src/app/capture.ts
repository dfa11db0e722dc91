/**
 * Saves pictures and films, and copies the link.
 */

import { Film, filmEnding } from '../drawing/film';
import { savePicture } from '../drawing/save_picture';
import { ReadableError } from '../engine/readable_error';
import type { Address } from './address';
import { button, canvas } from './elements';
import type { View } from './view';

const FILM_SECONDS = 8;
const PROGRESS_MS = 250;
const SAID_MS = 2000; // how long the button says that the link is copied

const film = new Film();

/** Downloads a picture of the cells as they are now, with the key to the colours. */
export async function savePictureOf(view: View): Promise<void> {
  const { picture, census, labels, colours, dark, title } = view;
  if (!picture || !census) return;
  const png = await savePicture({ picture, labels, census, colours, title, dark });
  download(png, `cells_${picture.step}.png`);
}

/** Films the cells for some seconds and downloads the film; pressed again, stops at once. */
export async function saveFilm(view: View): Promise<void> {
  const start = button('save-film');
  if (film.progress > 0 && film.progress < 1) {
    await film.stop();
    return;
  }
  const recorded = film.start(canvas('cells'), FILM_SECONDS, canvas('overlay'));
  const name = start.textContent;
  const ticking = setInterval(() => {
    start.textContent = `Filming, ${Math.ceil((1 - film.progress) * FILM_SECONDS)} s`;
  }, PROGRESS_MS);
  try {
    const blob = await recorded;
    download(blob, `cells_${view.picture?.step ?? 0}.${filmEnding(blob)}`);
  } finally {
    clearInterval(ticking);
    start.textContent = name;
  }
}

/** Copies the page's address, which also has the drawing. */
export async function copyLink(address: Address): Promise<void> {
  while (address.isBehind) await address.writeNow();
  try {
    await navigator.clipboard.writeText(location.href);
  } catch {
    const { href } = location;
    throw new ReadableError(`This browser doesn't let the page copy. Copy this link: ${href}`);
  }
  const copy = button('copy-link');
  copy.textContent = 'Copied';
  setTimeout(() => {
    copy.textContent = 'Copy link';
  }, SAID_MS);
}

/** Hands a file to the browser's downloads. */
function download(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
