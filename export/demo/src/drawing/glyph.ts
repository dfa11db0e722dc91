/** A handwritten digit in the colour of its label: the legend of the page. */

import type { RGB } from '../engine/picture';

/**
 * Draws a small picture, one pixel a cell, on a transparent ground: the gray value is the opacity.
 *
 * @param gray [side * side], 0 to 1.
 */
export function drawGlyph(canvas: HTMLCanvasElement, gray: Float32Array, colour: RGB): void {
  const side = Math.sqrt(gray.length);
  [canvas.width, canvas.height] = [side, side];
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(side, side);
  gray.forEach((value, i) => image.data.set([...colour, 255 * value], 4 * i));
  context.putImageData(image, 0, 0);
}
