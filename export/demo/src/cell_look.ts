/**
 * A look into one cell: its neighbours, its votes, its other numbers, and how its votes changed.
 * Knows nothing of the page.
 */

import { IMPOSTOR, labelOf, UNDECIDED } from './census';
import type { Picture } from './engine/picture';

/** A neighbour, or the cell itself. */
export interface Seen {
  readonly gray: number;
  /** As `labelOf`; undefined where it is dead. */
  readonly label: number | undefined;
}

/** What one cell holds. */
export interface CellLook {
  /** Column and row, from 0. */
  readonly x: number;
  readonly y: number;
  readonly label: number;
  /** [9] the 3x3 neighbourhood, row by row. */
  readonly around: readonly Seen[];
  /** [classes] */
  readonly votes: Float32Array;
  /** [stateChannels - classes] */
  readonly hidden: Float32Array;
  /** Its votes in the latest pictures, the oldest first. */
  readonly course: readonly { readonly step: number; readonly votes: Float32Array }[];
}

const MOST_PICTURES = 100;
const MOST_NUMBERS = 1_000_000; // of 4 bytes

/** The latest pictures. */
export class Recent {
  #pictures: Picture[] = [];

  /** Adds a picture; drops the others if it has another model, another size or an earlier step. */
  push(picture: Picture): void {
    const last = this.#pictures.at(-1);
    const goesOn =
      last?.stateChannels === picture.stateChannels &&
      last.size === picture.size &&
      last.step <= picture.step;
    if (!goesOn) this.#pictures = [];
    else if (last.step === picture.step) this.#pictures.pop();
    this.#pictures.push(picture);
    const fitting = Math.floor(MOST_NUMBERS / Math.max(1, picture.state.length));
    const kept = Math.max(2, Math.min(MOST_PICTURES, fitting));
    this.#pictures.splice(0, this.#pictures.length - kept);
  }

  /** What a cell, y * size + x, holds and held; undefined if it is dead. */
  look(cell: number): CellLook | undefined {
    const picture = this.#pictures.at(-1);
    if (!picture) return undefined;
    const row = picture.positions.indexOf(cell);
    if (row < 0) return undefined;
    const { size, stateChannels, classes, state } = picture;
    const own = state.subarray(row * stateChannels, (row + 1) * stateChannels);
    const around = aroundOf(picture, row);
    return {
      x: cell % size,
      y: Math.floor(cell / size),
      label: around[4].label ?? UNDECIDED,
      around,
      votes: own.subarray(stateChannels - classes),
      hidden: own.subarray(0, stateChannels - classes),
      course: this.#pictures.flatMap((then) => {
        const row = then.positions.indexOf(cell);
        const end = (row + 1) * stateChannels;
        return row < 0
          ? []
          : [{ step: then.step, votes: then.state.subarray(end - classes, end) }];
      }),
    };
  }
}

/** The cell in words, for people who can't see it. */
export function lookInWords({ x, y, label, around }: CellLook): string {
  const neighbours = around.filter((_, i) => i !== 4);
  const living = neighbours.filter(({ label }) => label !== undefined);
  const names = living
    .filter(({ label }) => label !== IMPOSTOR)
    .map(({ label }) => (label === UNDECIDED ? '?' : `${label}`));
  const lying = living.length - names.length;
  const own = label === UNDECIDED ? 'has no label yet' : `says ${label}`;
  const said = label === IMPOSTOR ? 'is an impostor' : own;
  const heard =
    living.length === 0
      ? ['It has no living neighbour']
      : [
          ...(names.length > 0 ? [`Its neighbours say ${names.join(', ')}`] : []),
          ...(lying > 0 ? [`Impostors beside it: ${lying}`] : []),
        ];
  return [`The cell in column ${x + 1}, row ${y + 1} ${said}`, ...heard, ''].join('. ').trim();
}

function aroundOf(picture: Picture, row: number): Seen[] {
  const { gray, size, positions, neighbours } = picture;
  const cell = positions[row];
  return Array.from({ length: 9 }, (_, k): Seen => {
    const [x, y] = [(cell % size) + (k % 3) - 1, Math.floor(cell / size) + Math.floor(k / 3) - 1];
    const inside = x >= 0 && y >= 0 && x < size && y < size;
    const other = neighbours[row * 9 + k];
    return {
      gray: inside ? gray[y * size + x] : 0,
      label: other < positions.length ? labelOf(picture, other) : undefined,
    };
  });
}
