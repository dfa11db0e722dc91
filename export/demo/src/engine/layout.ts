/**
 * Which cells of a canvas live, and which are neighbours.
 *
 * The living cells are numbered in reading order; everything that the living-cell graph needs to
 * know of the canvas is in these arrays.
 */

/** The living cells of one canvas. */
export interface Layout {
  readonly size: number;
  /** N, the number of living cells. */
  readonly living: number;
  /** [N] cell y * size + x of each row. */
  readonly positions: Int32Array;
  /** [size * size] row of each cell, -1 where it is dead. */
  readonly rows: Int32Array;
  /** [N * 9] rows of the 3x3 neighbourhood, row by row; N stands for a dead cell. */
  readonly neighbours: Int32Array;
  /** [N * 9] gray values of the neighbourhood, dead cells' too; 0 outside the canvas. */
  readonly grayPatches: Float32Array;
}

/**
 * Numbers the living cells of a canvas.
 *
 * @param gray [size * size], 0 to 1.
 * @param threshold a cell lives where its gray is above it (the article: 0.1).
 */
export function layOut(gray: Float32Array, size: number, threshold: number): Layout {
  const rows = new Int32Array(size * size).fill(-1);
  let living = 0;
  for (let cell = 0; cell < gray.length; cell++) {
    if (gray[cell] > threshold) rows[cell] = living++;
  }
  const positions = new Int32Array(living);
  const neighbours = new Int32Array(living * 9).fill(living);
  const grayPatches = new Float32Array(living * 9);
  for (let cell = 0; cell < gray.length; cell++) {
    const row = rows[cell];
    if (row < 0) continue;
    positions[row] = cell;
    const x0 = cell % size;
    const y0 = (cell - x0) / size;
    for (let offset = 0; offset < 9; offset++) {
      const x = x0 + (offset % 3) - 1;
      const y = y0 + Math.floor(offset / 3) - 1;
      if (x < 0 || y < 0 || x >= size || y >= size) continue;
      const neighbour = y * size + x;
      grayPatches[row * 9 + offset] = gray[neighbour];
      if (rows[neighbour] >= 0) neighbours[row * 9 + offset] = rows[neighbour];
    }
  }
  return { size, living, positions, rows, neighbours, grayPatches };
}

/**
 * Where the cells of a new layout were before.
 *
 * @param oldCell gives the cell of the old canvas that a cell of the new one was; -1 for none.
 * @returns [N] the old row of each new one, -1 for cells that were dead or not there.
 */
export function origins(
  before: Layout,
  after: Layout,
  oldCell: (cell: number) => number,
): Int32Array {
  return after.positions.map((cell) => before.rows[oldCell(cell)] ?? -1);
}

/** The `oldCell` of `origins`, for a canvas that grows or shrinks around its centre. */
export function resized(from: number, to: number): (cell: number) => number {
  const shift = Math.floor((to - from) / 2);
  return (cell) => {
    const [x, y] = [(cell % to) - shift, Math.floor(cell / to) - shift];
    return x >= 0 && y >= 0 && x < from && y < from ? y * from + x : -1;
  };
}
