/** What guided experiments do to drawings. Knows nothing of the page. */

import { coverage } from './brush';

/** Cells and by how much each is to change, as `Cells.paint` takes it. */
export type Amounts = Map<number, number>;

const CUT = 1.5; // radius of the eraser, in cells
const BRIDGE = 1.2; // radius of the pen
const GOLDEN = (Math.sqrt(5) - 1) / 2; // the fractional parts of its multiples are spread evenly

/**
 * A picture, smoothly enlarged, in the middle of a canvas.
 *
 * @param picture [side * side] gray values.
 * @param size of the canvas.
 */
export function enlarged(picture: Float32Array, factor: number, size: number): Float32Array {
  const side = Math.sqrt(picture.length);
  const at = (x: number, y: number): number =>
    x >= 0 && y >= 0 && x < side && y < side ? picture[y * side + x] : 0;
  return Float32Array.from({ length: size * size }, (_, cell) => {
    // Where the middle of the cell lies in the picture, from the middle of its first cell.
    const from = (place: number): number => (place + 0.5 - size / 2) / factor + side / 2 - 0.5;
    const [x, y] = [from(cell % size), from(Math.floor(cell / size))];
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [right, below] = [x - left, y - top];
    return (
      (at(left, top) * (1 - right) + at(left + 1, top) * right) * (1 - below) +
      (at(left, top + 1) * (1 - right) + at(left + 1, top + 1) * right) * below
    );
  });
}

/** What a cut from the middle of a drawing's largest hole to the left erases; empty if no hole. */
export function cutOpen(gray: Float32Array, size: number, threshold: number): Amounts {
  const hole = largestHole(gray, size, threshold);
  if (hole.length === 0) return new Map();
  const mean = (of: (cell: number) => number): number =>
    hole.reduce((sum, cell) => sum + of(cell), 0) / hole.length + 0.5;
  const x = mean((cell) => cell % size);
  const y = mean((cell) => Math.floor(cell / size));
  const row = Math.floor(y) * size;
  let left = 0;
  while (left < x && gray[row + left] <= threshold) left++;
  return new Map(coverage(size, x, y, left - 1, y, CUT));
}

/** The living cells of the left half of a drawing. */
export function leftHalf(gray: Float32Array, size: number, threshold: number): number[] {
  const living = livingCells(gray, threshold);
  const columns = living.map((cell) => cell % size);
  const middle = (Math.min(...columns) + Math.max(...columns)) / 2;
  return living.filter((_, i) => columns[i] <= middle);
}

/** One living cell in `many`, spread over the drawing without a regular pattern. */
export function oneIn(many: number, gray: Float32Array, threshold: number): number[] {
  return livingCells(gray, threshold).filter((_, i) => ((i + 1) * GOLDEN) % 1 < 1 / many);
}

/** The shortest line between what lives left of the middle and what lives right of it. */
export function bridge(gray: Float32Array, size: number, threshold: number): Amounts {
  const living = livingCells(gray, threshold);
  const place = (cell: number): [number, number] => [cell % size, Math.floor(cell / size)];
  const right = living.filter((cell) => cell % size >= size / 2);
  let shortest = Infinity;
  let line: Amounts = new Map();
  for (const from of living) {
    const [x0, y0] = place(from);
    if (x0 >= size / 2) continue;
    for (const to of right) {
      const [x1, y1] = place(to);
      const length = Math.hypot(x1 - x0, y1 - y0);
      if (length >= shortest) continue;
      shortest = length;
      line = new Map(coverage(size, x0 + 0.5, y0 + 0.5, x1 + 0.5, y1 + 0.5, BRIDGE));
    }
  }
  return line;
}

function livingCells(gray: Float32Array, threshold: number): number[] {
  return [...gray.keys()].filter((cell) => gray[cell] > threshold);
}

/** The cells of the largest empty part that ink encloses. */
function largestHole(gray: Float32Array, size: number, threshold: number): number[] {
  const seen = new Uint8Array(gray.length);
  let largest: number[] = [];
  for (let start = 0; start < gray.length; start++) {
    if (seen[start] || gray[start] > threshold) continue;
    seen[start] = 1;
    const part = [start];
    let open = false;
    for (const cell of part) {
      const [x, y] = [cell % size, Math.floor(cell / size)];
      if (x === 0 || y === 0 || x === size - 1 || y === size - 1) open = true;
      const beside = [
        x > 0 ? cell - 1 : -1,
        x < size - 1 ? cell + 1 : -1,
        cell - size,
        cell + size,
      ];
      for (const next of beside) {
        if (next < 0 || next >= gray.length || seen[next] || gray[next] > threshold) continue;
        seen[next] = 1;
        part.push(next);
      }
    }
    if (!open && part.length > largest.length) largest = part;
  }
  return largest;
}
