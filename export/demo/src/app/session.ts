/**
 * The running cells: applies edits, takes steps, and publishes pictures in the screen's rhythm.
 *
 * The user comes first. A stroke is applied and drawn in the next frame, on the states that were
 * read last, without waiting for the device.
 *
 * Steps are taken in slices of a few milliseconds. Slices are tasks of their own between frames.
 * So the cells go on even if a busy machine delays the frames, and no slice keeps a frame or a
 * finger waiting for long. During a stroke there is one slice a frame. A frame draws only what was
 * read last.
 */

import type { Colony } from '../engine/colony';
import { History } from '../engine/history';
import type { Picture } from '../engine/picture';
import { runaways, TOO_MANY_TIMES } from '../engine/runaways';
import { Pace } from './pace';

const FRAME_MS = 1000 / 60;
const CATCH_UP_FRAMES = 6; // the steps of at most this many late frames are made up for
const FAST_PICTURE_MS = 30; // at full speed the cells are drawn in every other frame
const STROKE_MS = 100; // a stroke counts as going on for this long after its last part
const AWAY_MS = 250; // after this long without a frame nobody is looking, and the cells pause
const RATE_WINDOW_MS = 1000;
const RUN_PICTURE_EVERY = 4; // steps

type Change = (cells: Colony) => void | Promise<unknown>;

/** Strokes, and looks, which change nothing, are applied even while states are being read. */
type Kind = 'stroke' | 'look' | 'other';

interface Edit {
  readonly change: Change;
  readonly kind: Kind;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Why cells lost their states: they ran away, or undo brought back those of another model. */
export type RestartReason = 'runaway' | 'undo';

/** What a session tells the page. */
export interface Listener {
  /** A picture of each canvas, at most once a frame, except in `Session.run`. */
  pictures(pictures: readonly Picture[]): void;
  rate(stepsPerSecond: number): void;
  /** Cells had to start again, because their states were of no use. */
  restarted(reason: RestartReason): void;
  error(error: unknown): void;
}

/** Runs cells in the rhythm of the screen. */
export class Session {
  readonly cells: Colony;
  playing = false;
  /** CA steps in a sixtieth of a second; Infinity: as many as there is time for. */
  speed = 1;
  /** While this is false, no steps are taken. */
  inSight = true;
  readonly #history = new History();
  readonly #listener: Listener;
  readonly #edits: Edit[] = [];
  readonly #pace = new Pace();
  readonly #tasks = new MessageChannel();
  #editing = false;
  #reading = false;
  #working = false;
  #due = 0; // steps
  #lastFrame = 0; // the time that the browser gave it
  #seen = 0; // when the work of the last frame was done
  #lastDrawn = 0;
  #lastStroke = 0;
  #inked = false; // whether a stroke has come since a picture was drawn
  #counted = { steps: 0, since: 0 };
  #pictures: readonly Picture[] = [];
  #waiting: (() => void)[] = []; // for a picture of all that was done
  #outdated = true; // the pictures are of an earlier state
  #drawn = true; // the listener has the pictures

  constructor(cells: Colony, listener: Listener) {
    this.cells = cells;
    this.#listener = listener;
  }

  /** Starts the loop. */
  start(): void {
    const frame = (now: number): void => {
      requestAnimationFrame(frame);
      this.#frame(now);
    };
    requestAnimationFrame(frame);
  }

  /** Queues an edit that undo can take back. */
  edit(change: Change): void {
    this.change((cells) => {
      this.#history.remember(cells);
      return change(cells);
    }).catch((error: unknown) => this.#listener.error(error));
  }

  /**
   * Queues a part of a stroke.
   *
   * @param first whether the stroke begins with it: undo takes back the whole stroke.
   */
  stroke(change: (cells: Colony) => void, first: boolean): void {
    this.#lastStroke = performance.now();
    const whole = (cells: Colony): void => {
      if (first) this.#history.remember(cells);
      change(cells);
    };
    this.#queue(whole, 'stroke').catch((error: unknown) => this.#listener.error(error));
  }

  /** Queues an edit that undo ignores; the promise is fulfilled when it is done. */
  change(change: Change): Promise<void> {
    return this.#queue(change, 'other');
  }

  /** Looks at the cells after all that was queued so far. */
  async look<T>(at: (cells: Colony) => T): Promise<T> {
    const seen: T[] = [];
    await this.#queue((cells) => void seen.push(at(cells)), 'look');
    return seen[0];
  }

  /** Takes back the last edit. */
  undo(): Promise<void> {
    return this.change(async (cells) => {
      if (!(await this.#history.undo(cells))) this.#listener.restarted('undo');
    });
  }

  /** Takes one step, even while paused. */
  stepOnce(): Promise<void> {
    return this.change((cells) => cells.step());
  }

  /** Takes `steps` steps at once, with a picture after every few. */
  run(steps: number): Promise<void> {
    return this.change(async (cells) => {
      for (let i = 1; i <= steps; i++) {
        cells.step();
        if (i % RUN_PICTURE_EVERY === 0 || i === steps) {
          await this.#read();
          this.#draw();
        }
      }
    });
  }

  /** Fulfilled when all that was queued so far is done and drawn. */
  async settled(): Promise<void> {
    await this.change(() => {});
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #queue(change: Change, kind: Kind): Promise<void> {
    return new Promise((done, failed) => this.#edits.push({ change, kind, done, failed }));
  }

  #frame(now: number): void {
    const elapsed = Math.min(now - this.#lastFrame, 1000);
    this.#lastFrame = now;
    this.#reportRate(now);
    const due = this.playing && this.inSight ? (elapsed / FRAME_MS) * this.speed : 0;
    const most = Math.max(1, CATCH_UP_FRAMES * this.speed);
    this.#due = due > 0 ? Math.min(this.#due + due, most) : 0;
    void this.#applyEdits();
    const rests = this.speed === Infinity && now - this.#lastDrawn < FAST_PICTURE_MS;
    if (!this.#drawn && (this.#inked || !rests)) {
      this.#lastDrawn = now;
      this.#draw();
    }
    this.#seen = performance.now();
    void this.#work();
  }

  /** Applies queued edits: strokes at once, the others when nothing is being read. */
  async #applyEdits(): Promise<void> {
    if (this.#editing) return;
    this.#editing = true;
    for (
      let edit = this.#edits[0];
      edit && (edit.kind !== 'other' || !this.#reading);
      edit = this.#edits[0]
    ) {
      this.#edits.shift();
      if (edit.kind !== 'look') this.#outdated = true;
      try {
        const work = edit.change(this.cells);
        if (work) await work;
        if (edit.kind === 'stroke') this.#preview();
        else if (edit.kind === 'other' && !this.#inked) this.#drawn = true; // outdated
        edit.done();
      } catch (error) {
        edit.failed(error);
      }
    }
    this.#editing = false;
  }

  /** Takes steps and reads states, slice by slice, for as long as there is something to do. */
  async #work(): Promise<void> {
    if (this.#working) return;
    this.#working = true;
    try {
      while (this.#isWanted()) {
        this.#pace.setLoad(this.cells.living);
        const begin = performance.now();
        const steps = Math.min(Math.floor(this.#due), this.#pace.steps);
        this.#due -= steps;
        for (let i = 0; i < steps; i++) this.cells.step();
        const blocked = performance.now() - begin;
        await this.#read();
        this.#counted.steps += steps;
        if (steps > 0) this.#pace.record(steps, blocked, performance.now() - begin);
        await this.#applyEdits();
        // The user comes first: during a stroke, the next slice waits for the next frame.
        if (performance.now() - this.#lastStroke < STROKE_MS) break;
        await this.#nextTask();
      }
    } catch (error) {
      this.playing = false;
      this.#listener.error(error);
    } finally {
      this.#working = false;
    }
  }

  #isWanted(): boolean {
    const toDo = this.#outdated || this.#due >= 1;
    return toDo && !this.#editing && performance.now() - this.#seen < AWAY_MS;
  }

  /** Lets the browser take events and draw before the next slice. */
  #nextTask(): Promise<void> {
    const { port1, port2 } = this.#tasks;
    return new Promise((resolve) => {
      port1.onmessage = () => resolve();
      port2.postMessage(undefined);
    });
  }

  /** Reads the pictures. States that ran away are never shown: their cells start again. */
  async #read(): Promise<void> {
    const { all } = this.cells;
    this.#reading = true;
    this.#outdated = false;
    try {
      let pictures = await Promise.all(all.map((cells) => cells.picture()));
      const limits = all.map(({ model }) => TOO_MANY_TIMES * model.manifest.largestState);
      const lost = pictures.map((picture, i) => runaways(picture, limits[i]));
      if (lost.some(({ length }) => length > 0)) {
        lost.forEach((forgotten, i) => all[i].forget(forgotten));
        this.#listener.restarted('runaway');
        pictures = await Promise.all(all.map((cells) => cells.picture()));
      }
      this.#pictures = pictures;
      this.#drawn = false;
      // What was read doesn't have a stroke that came during the reading.
      if (this.#outdated) this.#preview();
    } finally {
      this.#reading = false;
    }
  }

  /** Puts the states that were read last onto the present drawing, to be drawn in this frame. */
  #preview(): void {
    const { all } = this.cells;
    const pictures = this.#pictures.map((picture, i) => all[i]?.preview(picture));
    // What was read last may be of another size, model, or number of canvases.
    if (pictures.length !== all.length || pictures.includes(undefined)) return;
    this.#pictures = pictures as Picture[];
    this.#drawn = false;
    this.#inked = true;
  }

  #draw(): void {
    this.#drawn = true;
    this.#inked = false;
    if (this.#pictures.length === 0) return;
    this.#listener.pictures(this.#pictures);
    if (this.#outdated) return;
    for (const drawn of this.#waiting.splice(0)) drawn();
  }

  #reportRate(now: number): void {
    const passed = now - this.#counted.since;
    if (passed < RATE_WINDOW_MS) return;
    this.#listener.rate((1000 * this.#counted.steps) / passed);
    this.#counted = { steps: 0, since: now };
  }
}
