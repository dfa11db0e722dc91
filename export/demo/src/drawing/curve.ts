/** The course of the votes over CA steps, kept in bounded memory; `curve_plot.ts` draws it. */

import type { Census } from '../census';
import { append, isStroke, pointOf, thinned } from './curve_points';
import type { CurvePoint, Mark, MarkKind } from './curve_points';

export type { CurvePoint, Mark, MarkKind };

/** A curve with this many points is thinned to half of them. */
export const MOST_POINTS = 2000;
const MOST_MARKS = 200;
const STROKE_GAP = 10; // CA steps; strokes no further apart than this are one mark

/** The course of the votes. If steps go back, as after a reset, it still goes on at the right. */
export class Curve {
  #points: CurvePoint[] = [];
  #marks: Mark[] = [];
  #last: CurvePoint | undefined;
  #resolution = 1; // CA steps a point
  #offset = 0; // steps of the curve before the last reset

  /** The course, in order of steps. */
  get values(): readonly CurvePoint[] {
    return this.#points;
  }

  /** The newest point, never an average. */
  get last(): CurvePoint | undefined {
    return this.#last;
  }

  /** What the user did, in order of steps. */
  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** Adds what the cells say after `step` CA steps; the same step again replaces it. */
  push(step: number, census: Census): void {
    const before = this.#last;
    if (before && step + this.#offset < before.step) this.#offset = before.step - step;
    const point = pointOf(step + this.#offset, census);
    this.#last = point;
    if (before?.step === point.step) {
      if (this.#resolution === 1) this.#points[this.#points.length - 1] = point;
      return;
    }
    append(this.#points, point, this.#resolution);
    if (this.#points.length >= MOST_POINTS) {
      this.#resolution *= 2;
      this.#points = thinned(this.#points, this.#resolution);
    }
  }

  /** Notes that the user did something at that step, the newest or the next to come. */
  mark(step: number, kind: MarkKind): void {
    const at = Math.max(step + this.#offset, this.#last?.step ?? 0);
    const previous = this.#marks.at(-1);
    const gap = isStroke(kind) ? STROKE_GAP * this.#resolution : 0;
    if (previous?.kind === kind && at - previous.to <= gap) previous.to = at;
    else this.#marks.push({ kind, from: at, to: at });
    if (this.#marks.length > MOST_MARKS) this.#marks.shift();
  }

  /** Forgets everything. */
  clear(): void {
    this.#points = [];
    this.#marks = [];
    this.#last = undefined;
    this.#resolution = 1;
    this.#offset = 0;
  }
}
