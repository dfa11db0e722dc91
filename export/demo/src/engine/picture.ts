/**
 * What the engine gives to the code that draws and counts: the cells at one moment, as arrays.
 *
 * Rows are the living cells, in reading order of the canvas.
 */

/** The cells at one moment. No later step changes it. */
export interface Picture {
  /** The canvas is size x size cells. */
  readonly size: number;
  /** [size * size] gray values, 0 to 1. */
  readonly gray: Float32Array;
  /** [N] the cell, y * size + x, of each row. */
  readonly positions: Int32Array;
  /** [N * 9] rows of each cell's 3x3 neighbourhood, row by row; N stands for a dead one. */
  readonly neighbours: Int32Array;
  /** [N * stateChannels]; the last `classes` of a row are the logits of its label. */
  readonly state: Float32Array;
  readonly stateChannels: number;
  readonly classes: number;
  /** A cell whose logits are all below this has not decided. */
  readonly undecidedBelow: number;
  /** CA steps since the last reset. */
  readonly step: number;
  /** Cells, y * size + x, that follow the impostors' rule where they live. */
  readonly impostors: ReadonlySet<number>;
}

/** Red, green and blue, 0 to 255. */
export type RGB = readonly [number, number, number];
