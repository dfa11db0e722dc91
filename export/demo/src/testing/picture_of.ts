/** Pictures for tests, written down as text. */

import { layOut } from '../engine/layout';
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
  const gray = Float32Array.from(cells, (cell) => (cell === '.' ? 0 : cell === ',' ? 0.05 : 1));
  const { positions, neighbours } = layOut(gray, size, 0.1);
  const state = new Float32Array(positions.length * 19);
  positions.forEach((cell, row) => {
    if (/\d/.test(cells[cell])) state[row * 19 + 9 + Number(cells[cell])] = 1;
  });
  return {
    size,
    gray,
    positions,
    neighbours,
    state,
    stateChannels: 19,
    classes: 10,
    undecidedBelow: 0.01,
    step,
    impostors: new Set(positions.filter((cell) => cells[cell] === '!')),
  };
}
