/**
 * The guided experiments. Each sets up a scene and leaves the rest to the user.
 */

import type { Colony } from '../engine/colony';
import { bridge, cutOpen, enlarged, leftHalf, oneIn } from '../scenes';
import type { Samples } from './samples';

/** One sentence, one button, and what the button does. */
export interface Experiment {
  readonly id: string;
  /** The sentence. */
  readonly says: string;
  readonly button: string;
  /** The gray values that it puts onto the canvas. */
  readonly drawing: (samples: Samples, cells: Colony) => Float32Array;
  /** The models that it needs, the second beside the first; without them it isn't offered. */
  readonly models?: readonly [string] | readonly [string, string];
  /** Whether it needs impostors; without them it isn't offered. */
  readonly lies?: boolean;
  /** What it does and says once the cells have had time to agree. */
  readonly then?: { readonly act: (cells: Colony) => void; readonly says: string };
}

const TOO_BIG = 2.3; // times the size of a sample
const APART = 23; // columns from digit to digit
const LIARS = 10; // one cell in ten

export const EXPERIMENTS: readonly Experiment[] = [
  {
    id: 'cut',
    says: 'Cut a 6 open, and see what it becomes.',
    button: 'Cut',
    drawing: (samples, cells) => {
      const all = Array.from({ length: samples.perDigit }, (_, i) =>
        samples.one(6, i, cells.size),
      );
      return all.find((gray) => cutOpen(gray, cells.size, threshold(cells)).size > 0) ?? all[0];
    },
    then: {
      act: (cells) => cells.paint(cutOpen(cells.main.gray, cells.size, threshold(cells)), 0),
      says: 'The loop is open. Close it again with the pencil, or cut somewhere else.',
    },
  },
  {
    id: 'forget',
    says: 'Wipe the memory of half the cells. Do they learn it again from the others?',
    button: 'Wipe',
    drawing: (samples, cells) => samples.one(3, 0, cells.size),
    then: {
      act: (cells) => cells.forget(leftHalf(cells.main.gray, cells.size, threshold(cells))),
      says: 'The left half has forgotten everything. Wipe more of it with the tool Damage.',
    },
  },
  {
    id: 'compare',
    says: 'See the same 4 side by side, with cells that were trained in two ways.',
    button: 'Compare',
    models: ['l2_noise', 'ce'],
    drawing: (samples, cells) => samples.one(4, 0, cells.size),
  },
  {
    id: 'touch',
    says: 'Let two digits touch. Each cell only knows its neighbours.',
    button: 'Join',
    drawing: (samples, cells) => samples.row([3, 7], 0, cells.size, APART),
    then: {
      act: (cells) => cells.paint(bridge(cells.main.gray, cells.size, threshold(cells)), 1),
      says: 'A bridge joins the two. Erase it again, or draw another one.',
    },
  },
  {
    id: 'big',
    says: 'Draw a digit too big: more than twice its usual size.',
    button: 'Enlarge',
    drawing: (samples, cells) => enlarged(samples.picture(5, 0), TOO_BIG, cells.size),
  },
  {
    id: 'lie',
    says: 'Let one cell in ten lie. Do the others believe it?',
    button: 'Lie',
    models: ['l2_noise'],
    lies: true,
    drawing: (samples, cells) => samples.one(4, 0, cells.size),
    then: {
      act: (cells) => cells.mark(oneIn(LIARS, cells.main.gray, threshold(cells)), true),
      says:
        'The red cells are impostors: they try to make all cells say 8. Make them honest again ' +
        '(Impostor with Shift held), or erase them, and see whether the others recover.',
    },
  },
];

/** A cell lives where its gray value is above this. */
function threshold({ main }: Colony): number {
  return main.model.manifest.aliveThreshold;
}
