/** Pictures for tests, written down as text. */

import type { Picture } from '../engine/picture';

/**
 * A picture of a square canvas, from its lines.
 *
 * '.' is an empty cell, ',' a dead one of gray 0.05, '?' a living one without a label, '0' to '9'
 * a living one with that label: its logit is 1 and all other channels are 0; '!' is an impostor,
 * whose logits are all 0. Living cells have gray 1.
 */
export function pictureOf(lines: readonly string[], step = 0): Picture {
  const size = lines.length;
  const cells = [...lines.join('')];
  const positions = Int32Array.from(cells.keys()).filter((cell) => /[?!\d]/.test(cells[cell]));
  const rowOf = new Map([...positions].map((cell, row) => [cell, row]));
  const neighbours = Array.from(positions, (cell) => {
    const [x, y] = [cell % size, Math.floor(cell / size)];
    return Array.from({ length: 9 }, (_, k) => {
      const [nx, ny] = [x + (k % 3) - 1, y + Math.floor(k / 3) - 1];
      const inside = nx >= 0 && nx < size && ny >= 0 && ny < size;
      return (inside ? rowOf.get(ny * size + nx) : undefined) ?? positions.length;
    });
  });
  const state = new Float32Array(positions.length * 19);
  positions.forEach((cell, row) => {
    if (/\d/.test(cells[cell])) state[row * 19 + 9 + Number(cells[cell])] = 1;
  });
  return {
    size,
    gray: Float32Array.from(cells, (cell) => (cell === '.' ? 0 : cell === ',' ? 0.05 : 1)),
    positions,
    neighbours: Int32Array.from(neighbours.flat()),
    state,
    stateChannels: 19,
    classes: 10,
    undecidedBelow: 0.01,
    step,
    impostors: new Set(positions.filter((cell) => cells[cell] === '!')),
  };
}
