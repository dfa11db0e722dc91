/** Which cells lie under a stroke of the pen, and how much of them. Knows nothing of the page. */

/**
 * The cells under a straight stroke of a round pen.
 *
 * Coordinates are in cells: cell (i, j) has its centre at (i + 0.5, j + 0.5). The edge is soft
 * over one cell, so that strokes come out like MNIST's, which are anti-aliased.
 *
 * @param size the canvas is size x size cells.
 * @param radius of the pen, in cells; half of a cell on its rim is covered.
 * @returns cell, y * size + x, and the amount covered, above 0 up to 1; in reading order.
 */
export function coverage(
  size: number,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  radius: number,
): Array<readonly [cell: number, amount: number]> {
  const reach = radius + 0.5;
  const covered: Array<readonly [number, number]> = [];
  const [left, right] = span(x0, x1, reach, size);
  const [top, bottom] = span(y0, y1, reach, size);
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const amount = Math.min(1, reach - distance(x + 0.5, y + 0.5, x0, y0, x1, y1));
      if (amount > 0) covered.push([y * size + x, amount]);
    }
  }
  return covered;
}

/** First and last cell whose centres may lie within reach, inside the canvas. */
function span(a: number, b: number, reach: number, size: number): [number, number] {
  const first = Math.floor(Math.min(a, b) - reach);
  const last = Math.ceil(Math.max(a, b) + reach);
  return [Math.max(0, first), Math.min(size - 1, last)];
}

/** From a point to the segment between two others. */
function distance(x: number, y: number, x0: number, y0: number, x1: number, y1: number): number {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const squared = dx * dx + dy * dy;
  const along = squared ? ((x - x0) * dx + (y - y0) * dy) / squared : 0;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
}
