/**
 * Which living cells are connected, and where these pieces are. This depends only on where cells
 * live, not on what they say, so it is computed once for each drawing.
 */

import type { Picture } from './engine/picture';

/** Where a piece is, in cells; `right` and `bottom` are just outside. */
export interface Box {
  /** Number of cells. */
  size: number;
  /** Centre of its cells. */
  x: number;
  y: number;
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** The pieces of a canvas. */
export interface Pieces {
  /** [N] which of `boxes` each row belongs to; boxes.length for cells outside all pieces. */
  pieceOf: Int32Array;
  /** Pieces of 10 cells or more, in reading order. */
  boxes: Box[];
}

const SMALLEST = 10; // cells; a smaller piece is a crumb of a stroke, not a digit

const known = new WeakMap<Int32Array, Pieces>();

/** The pieces of a picture; found once for each `positions` array. */
export function piecesOf(picture: Picture): Pieces {
  let pieces = known.get(picture.positions);
  if (!pieces) {
    pieces = find(picture);
    known.set(picture.positions, pieces);
  }
  return pieces;
}

function find({ positions, neighbours, size }: Picture): Pieces {
  const count = positions.length;
  const groupOf = new Int32Array(count).fill(-1);
  const queue = new Int32Array(count);
  const groups: { group: number; box: Box }[] = [];
  for (let start = 0, group = 0; start < count; start++) {
    if (groupOf[start] >= 0) continue;
    const filled = flood(neighbours, start, group, groupOf, queue);
    if (filled >= SMALLEST) {
      groups.push({ group, box: boxOf(queue.subarray(0, filled), positions, size) });
    }
    group++;
  }
  const ordered = inReadingOrder(groups.map(({ box }) => box));
  const indexOf = new Map(groups.map(({ group, box }) => [group, ordered.indexOf(box)]));
  const pieceOf = groupOf.map((group) => indexOf.get(group) ?? ordered.length);
  return { pieceOf, boxes: ordered };
}

/** Writes `group` at all rows connected to `start`; `queue` then begins with them. */
function flood(
  neighbours: Int32Array,
  start: number,
  group: number,
  groupOf: Int32Array,
  queue: Int32Array,
): number {
  let filled = 1;
  queue[0] = start;
  groupOf[start] = group;
  for (let next = 0; next < filled; next++) {
    for (let k = queue[next] * 9; k < queue[next] * 9 + 9; k++) {
      const row = neighbours[k];
      if (row < groupOf.length && groupOf[row] < 0) {
        groupOf[row] = group;
        queue[filled++] = row;
      }
    }
  }
  return filled;
}

function boxOf(rows: Int32Array, positions: Int32Array, size: number): Box {
  const box = { size: rows.length, x: 0, y: 0, left: size, top: size, right: 0, bottom: 0 };
  for (const row of rows) {
    const x = positions[row] % size;
    const y = (positions[row] - x) / size;
    box.x += (x + 0.5) / rows.length;
    box.y += (y + 0.5) / rows.length;
    box.left = Math.min(box.left, x);
    box.top = Math.min(box.top, y);
    box.right = Math.max(box.right, x + 1);
    box.bottom = Math.max(box.bottom, y + 1);
  }
  return box;
}

/** Lines from top to bottom, each from left to right. */
function inReadingOrder(boxes: Box[]): Box[] {
  const lines: Box[][] = [];
  for (const box of [...boxes].sort((a, b) => a.y - b.y)) {
    const line = lines.at(-1);
    // A line goes on while centres lie above the foot of its first piece: digits of one row
    // differ in height and are never drawn quite level.
    if (line && box.y < line[0].bottom) line.push(box);
    else lines.push([box]);
  }
  return lines.flatMap((line) => line.sort((a, b) => a.x - b.x));
}
