/**
 * Strokes: what a finger, a mouse or the keyboard's pen has covered so far.
 */

import { coverage } from '../brush';

/** A place on the canvas, in cells. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** How much thicker eraser and damage are than the pencil (the article's demo). */
export const ERASER_WIDTH = 5;

/**
 * One stroke, which covers a cell once however often it passes over it.
 *
 * Pieces of a stroke overlap where they meet. Each piece gives only what is new, so that the
 * result depends on the path and not on how many events the browser cut it into.
 */
export class Stroke {
  /** Of the canvas. */
  readonly size: number;
  readonly #covered: Float64Array;
  readonly #radius: number;
  #x: number;
  #y: number;

  /** Begins at a point, in cells; `radius` in cells too. */
  constructor(size: number, { x, y }: Point, radius: number) {
    this.#covered = new Float64Array(size * size);
    this.size = size;
    this.#radius = radius;
    this.#x = x;
    this.#y = y;
  }

  /** Whether most of a cell has been covered so far. */
  covers(cell: number): boolean {
    return this.#covered[cell] >= 0.5;
  }

  /**
   * Continues through points; returns the amount, 0 to 1, by which each touched cell changes.
   */
  through(points: readonly Point[]): Map<number, number> {
    const covered = new Map<number, number>();
    for (const { x, y } of points) {
      for (const [cell, amount] of coverage(this.size, this.#x, this.#y, x, y, this.#radius)) {
        if (amount > (covered.get(cell) ?? this.#covered[cell])) covered.set(cell, amount);
      }
      this.#x = x;
      this.#y = y;
    }
    const added = new Map<number, number>();
    for (const [cell, amount] of covered) {
      // Two coats, each covering its share of what is left, make up the larger amount.
      const before = this.#covered[cell];
      added.set(cell, (amount - before) / (1 - before));
      this.#covered[cell] = amount;
    }
    return added;
  }
}
