import { expect, test } from 'vitest';
import { ReadableError } from '../engine/readable_error';
import { Film, filmEnding, filmFormat } from './film';

test('file names end as the film is recorded', () => {
  expect(filmEnding(new Blob([], { type: 'video/mp4;codecs=avc1.42E028' }))).toBe('mp4');
  expect(filmEnding(new Blob([], { type: 'video/webm;codecs=vp9' }))).toBe('webm');
});

test('without a recorder, as here, the user gets an error', () => {
  const film = new Film();
  expect(filmFormat()).toBeUndefined();
  expect(film.progress).toBe(0);
  expect(() => film.start({} as HTMLCanvasElement, 1)).toThrow(ReadableError);
  expect(() => film.start({} as HTMLCanvasElement, 1)).toThrow(/cannot record films: try /);
  expect(() => film.stop()).toThrow('No film has been started.');
});
