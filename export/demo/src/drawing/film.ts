/** Films the cells with the browser's own recorder. */

import { ReadableError } from '../engine/readable_error';

const FORMATS = [
  'video/mp4;codecs=avc1.42E028', // slide shows play MP4, few play WebM
  'video/webm;codecs=vp9',
  'video/webm;codecs=vp8',
  'video/webm',
  'video/mp4',
];
const SIDE = 1120; // pixels of a film: a multiple of 56, 112 and 140, even as H.264 needs it
const FRAMES = 30; // a second
const BITS = 8_000_000; // a second; cells have hard edges, which low rates blur

/** The first format that this browser records, undefined if it records none. */
export function filmFormat(): string | undefined {
  if (typeof MediaRecorder === 'undefined') return undefined;
  if (typeof HTMLCanvasElement.prototype.captureStream !== 'function') return undefined;
  return FORMATS.find((format) => MediaRecorder.isTypeSupported(format));
}

/** How a film's file name ends. */
export function filmEnding(film: Blob): 'mp4' | 'webm' {
  return film.type.startsWith('video/mp4') ? 'mp4' : 'webm';
}

/** A film in the making, of a canvas with one pixel a cell. */
export class Film {
  #recorder: MediaRecorder | undefined;
  #result: Promise<Blob> | undefined;
  #started = 0;
  #seconds = 0;

  /** Share of the film that is done, 0 to 1; 0 before the start. */
  get progress(): number {
    if (!this.#recorder) return 0;
    if (this.#recorder.state === 'inactive') return 1;
    return Math.min(1, (performance.now() - this.#started) / 1000 / this.#seconds);
  }

  /**
   * Starts to film what the canvas shows, with hard edges, enlarged.
   *
   * @param canvas square, as `drawCells` draws it.
   * @param seconds after which it stops by itself.
   * @param overlay drawn over it, smoothly, such as that of `drawLabels`.
   * @returns the film, once it has stopped.
   * @throws ReadableError if the browser records no film, or one is being made.
   */
  start(canvas: HTMLCanvasElement, seconds: number, overlay?: HTMLCanvasElement): Promise<Blob> {
    const format = filmFormat();
    if (!format) {
      throw new ReadableError(
        'This browser cannot record films: try Chrome, Edge, Firefox or Safari 14.1.',
      );
    }
    const enlarged = document.createElement('canvas');
    enlarged.width = SIDE;
    enlarged.height = SIDE;
    enlarge(canvas, enlarged, overlay);
    const stream = enlarged.captureStream(FRAMES);
    const recorder = new MediaRecorder(stream, { mimeType: format, videoBitsPerSecond: BITS });
    this.#recorder = recorder;
    this.#seconds = seconds;
    this.#started = performance.now();
    this.#result = blobOf(recorder, format).finally(() => {
      for (const track of stream.getTracks()) track.stop();
    });
    recorder.start();
    const next = () => {
      if (recorder.state !== 'recording') return;
      enlarge(canvas, enlarged, overlay);
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
    // Not by animation frames: a page out of sight gets none.
    setTimeout(() => recorder.state === 'recording' && recorder.stop(), seconds * 1000);
    return this.#result;
  }

  /** Stops before the time is up; returns what `start` returned. */
  stop(): Promise<Blob> {
    if (!this.#recorder || !this.#result) throw new ReadableError('No film has been started.');
    if (this.#recorder.state !== 'inactive') this.#recorder.stop();
    return this.#result;
  }
}

function blobOf(recorder: MediaRecorder, format: string): Promise<Blob> {
  const parts: Blob[] = [];
  return new Promise((resolve, reject) => {
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => resolve(new Blob(parts, { type: format }));
    recorder.onerror = () => reject(new ReadableError('The browser gave up recording the film.'));
  });
}

function enlarge(
  cells: HTMLCanvasElement,
  to: HTMLCanvasElement,
  overlay: HTMLCanvasElement | undefined,
): void {
  const ctx = to.getContext('2d')!;
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(cells, 0, 0, to.width, to.height);
  ctx.imageSmoothingEnabled = true;
  if (overlay) ctx.drawImage(overlay, 0, 0, to.width, to.height);
}
