/**
 * One canvas of cells, with what lies over it: the labels of its pieces, the pen, and a frame
 * around the cell that `one_cell.ts` shows.
 */

import type { Census } from '../census';
import { css } from '../colour';
import { drawCells } from '../drawing/cells';
import { drawImpostors } from '../drawing/impostors';
import { drawLabels } from '../drawing/labels';
import { theme } from '../drawing/theme';
import type { Picture, RGB } from '../engine/picture';
import { onPlot } from './elements';
import type { Ring } from './pointer';

const RING_COLOUR = 'rgb(128 128 128 / 90%)';

/** What a stage shows. */
export interface Scene {
  readonly picture: Picture;
  readonly labels: Int8Array;
  readonly census: Census;
  /** One for each label. */
  readonly colours: RGB[];
  readonly dark: boolean;
}

/** Draws the cells of one canvas. */
export class Stage {
  /** Where the pen is. */
  ring: Ring;
  /** The cell to frame, y * size + x; -1: none. */
  framed = -1;
  readonly #cells: HTMLCanvasElement;
  readonly #overlay: HTMLCanvasElement;
  #scene: Scene | undefined;

  constructor(cells: HTMLCanvasElement, overlay: HTMLCanvasElement) {
    this.#cells = cells;
    this.#overlay = overlay;
  }

  show(scene: Scene): void {
    this.#scene = scene;
    const { picture, labels, colours, dark } = scene;
    const context = this.#cells.getContext('2d');
    if (!context) return;
    if (this.#cells.width !== picture.size) {
      this.#cells.width = picture.size;
      this.#cells.height = picture.size;
    }
    drawCells(context, picture, labels, colours, dark);
    this.drawOverlay();
  }

  /** Draws what lies over the cells again. */
  drawOverlay(): void {
    if (!this.#scene) return;
    const { picture, census, colours, dark } = this.#scene;
    onPlot(this.#overlay, (context, width) => {
      drawImpostors(context, width, picture);
      drawLabels(context, width, picture, census, colours, dark);
      const cell = width / picture.size;
      if (this.framed >= 0) {
        const [x, y] = [this.framed % picture.size, Math.floor(this.framed / picture.size)];
        const { ground, accent } = theme(dark);
        for (const [colour, wide] of [[ground, 5] as const, [accent, 2.5] as const]) {
          context.strokeStyle = css(colour);
          context.lineWidth = wide;
          context.strokeRect(x * cell - 1, y * cell - 1, cell + 2, cell + 2);
        }
      }
      if (!this.ring) return;
      const { x, y, radius } = this.ring;
      context.strokeStyle = RING_COLOUR;
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(x * cell, y * cell, radius * cell, 0, 2 * Math.PI);
      context.stroke();
    });
  }
}
