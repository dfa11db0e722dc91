/** The points of which the curve consists, and how they are averaged. */

import type { Census } from '../census';

/** What the cells said at one step, or on average over a few neighbouring ones (`step` too). */
export interface CurvePoint {
  /** CA steps since the curve began. */
  step: number;
  /** Share of the living cells that say what most of their piece says, 0 to 1. */
  share: number;
  /** Share of the pieces whose cells all agree, 0 to 1. */
  agreement: number;
  /** [classes] share of the living cells that give each label, 0 to 1. */
  votes: Float32Array;
  /** Share of the living cells without a label, 0 to 1. */
  undecided: number;
  /** Number of censuses that it is the average of. */
  weight: number;
}

/** What the user did that the curve should show. */
export type MarkKind = 'mutation' | 'drawing' | 'impostors' | 'reset' | 'model';

/** Whether it is a stroke, which can last for many steps. */
export function isStroke(kind: MarkKind): boolean {
  return kind === 'drawing' || kind === 'impostors';
}

/** When the user did something: a moment, or a span of steps with a stroke. */
export interface Mark {
  kind: MarkKind;
  from: number;
  to: number;
}

/** The point of one census. */
export function pointOf(step: number, census: Census): CurvePoint {
  const living = Math.max(1, census.living);
  return {
    step,
    share: census.share,
    agreement: census.agreement,
    votes: Float32Array.from(census.votes, (count) => count / living),
    undecided: census.undecided / living,
    weight: 1,
  };
}

/** Appends a point, or averages it into the last one if that covers the same `resolution` steps. */
export function append(points: CurvePoint[], point: CurvePoint, resolution: number): void {
  const last = points.at(-1);
  const bin = ({ step }: CurvePoint) => Math.floor(step / resolution);
  if (last && bin(last) === bin(point)) points[points.length - 1] = average(last, point);
  else points.push(point);
}

/** The points averaged so that there is one for every `resolution` steps at most. */
export function thinned(points: readonly CurvePoint[], resolution: number): CurvePoint[] {
  const result: CurvePoint[] = [];
  for (const point of points) append(result, point, resolution);
  return result;
}

function average(first: CurvePoint, second: CurvePoint): CurvePoint {
  const weight = first.weight + second.weight;
  const of = (a: number, b: number) => (a * first.weight + b * second.weight) / weight;
  return {
    step: of(first.step, second.step),
    share: of(first.share, second.share),
    agreement: of(first.agreement, second.agreement),
    votes: first.votes.map((vote, label) => of(vote, second.votes[label])),
    undecided: of(first.undecided, second.undecided),
    weight,
  };
}
