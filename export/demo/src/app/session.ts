/**
 * The running cells: applies edits, takes steps, and publishes pictures in the screen's rhythm.
 *
 * What the user does comes first: strokes are applied at the next frame and drawn in it, on the
 * states as they were last read, without waiting for the device. Steps are taken in slices of a
 * few milliseconds, as tasks of their own between frames: on a busy machine, where frames are
 * late, cells go on meanwhile, and no slice keeps a frame or a finger waiting for long; while a
 * stroke goes on there is one a frame. A frame only draws what was read last.
 */

import type { Colony } from '../engine/colony';
import { History } from '../engine/history';
import type { Picture } from '../engine/picture';
import { runaways, TOO_MANY_TIMES } from '../engine/runaways';
import { Pace } from './pace';

const FRAME_MS = 1000 / 60;
const CATCH_UP_FRAMES = 6; // how many late frames' steps are made up for
const FAST_PICTURE_MS = 30; // cells that go as fast as they can are drawn in every other frame
const STROKE_MS = 100; // after a part of a stroke, the next is waited for
const AWAY_MS = 250; // without a frame nobody looks, and cells rest
const RATE_WINDOW_MS = 1000;
const RUN_PICTURE_EVERY = 4; // steps

type Change = (cells: Colony) => void | Promise<unknown>;

/** A stroke may come while states are being read, and so may a look, which changes nothing. */
type Kind = 'stroke' | 'look' | 'other';

interface Edit {
  readonly change: Change;
  readonly kind: Kind;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Why states are lost: they ran away, or undo brings back a drawing of another model. */
export type Anew = 'runaway' | 'undo';

/** What a session tells the page. */
export interface Listener {
  /** A picture of each canvas, at most once a frame but for `Session.run`. */
  pictures(pictures: readonly Picture[]): void;
  rate(stepsPerSecond: number): void;
  /** Cells had to begin anew, since what they held meant nothing any more. */
  anew(why: Anew): void;
  error(error: unknown): void;
}

/** Runs cells in the rhythm of the screen. */
export class Session {
  readonly cells: Colony;
  playing = false;
  /** CA steps a sixtieth of a second; Infinity: as many as there is time for. */
  speed = 1;
  /** Out of sight no steps are taken. */
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
  #lastFrame = 0; // the screen's time of it
  #seen = 0; // when its work was done
  #lastDrawn = 0;
  #lastStroke = 0;
  #inked = false; // since a picture was drawn
  #counted = { steps: 0, since: 0 };
  #pictures: readonly Picture[] = [];
  #waiting: (() => void)[] = []; // for a picture of all that was done
  #outdated = true; // the pictures are of an earlier state
  #drawn = true; // the listener has the pictures

  constructor(cells: Colony, listener: Listener) {
    this.cells = cells;
    this.#listener = listener;
  }

  /** Begins the loop. */
  start(): void {
    const frame = (now: number): void => {
      requestAnimationFrame(frame);
      this.#frame(now);
    };
    requestAnimationFrame(frame);
  }

  /** Queues an edit that undo takes back. */
  edit(change: Change): void {
    this.change((cells) => {
      this.#history.remember(cells);
      return change(cells);
    }).catch((error: unknown) => this.#listener.error(error));
  }

  /**
   * Queues a part of a stroke, which takes no time.
   *
   * @param first whether undo goes back to before it.
   */
  stroke(change: (cells: Colony) => void, first: boolean): void {
    this.#lastStroke = performance.now();
    const whole = (cells: Colony): void => {
      if (first) this.#history.remember(cells);
      change(cells);
    };
    this.#queue(whole, 'stroke').catch((error: unknown) => this.#listener.error(error));
  }

  /** Queues an edit that undo doesn't know of; the promise tells when it is done. */
  change(change: Change): Promise<void> {
    return this.#queue(change, 'other');
  }

  /** Looks at the cells as all that was done so far leaves them. */
  async look<T>(at: (cells: Colony) => T): Promise<T> {
    const seen: T[] = [];
    await this.#queue((cells) => void seen.push(at(cells)), 'look');
    return seen[0];
  }

  /** Takes back the last edit. */
  undo(): Promise<void> {
    return this.change(async (cells) => {
      if (!(await this.#history.undo(cells))) this.#listener.anew('undo');
    });
  }

  /** Takes one step, also while paused. */
  stepOnce(): Promise<void> {
    return this.change((cells) => cells.step());
  }

  /** Takes so many steps at once, with a picture every few. */
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

  /** Fulfilled when all that was asked for so far is done and drawn. */
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
    this.#tellRate(now);
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

  /** Applies what is waiting; strokes at once, the rest when nothing is being read. */
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
        else if (edit.kind === 'other' && !this.#inked) this.#drawn = true; // is of before it
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
        this.#pace.carries(this.cells.living);
        const begin = performance.now();
        const steps = Math.min(Math.floor(this.#due), this.#pace.steps);
        this.#due -= steps;
        for (let i = 0; i < steps; i++) this.cells.step();
        const blocked = performance.now() - begin;
        await this.#read();
        this.#counted.steps += steps;
        if (steps > 0) this.#pace.took(steps, blocked, performance.now() - begin);
        await this.#applyEdits();
        // The hand comes first: while it draws, the next slice waits for the next frame.
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

  /** Reads the pictures. What has run away is never shown: those cells begin anew. */
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
        this.#listener.anew('runaway');
        pictures = await Promise.all(all.map((cells) => cells.picture()));
      }
      this.#pictures = pictures;
      this.#drawn = false;
      // A stroke that came meanwhile is on the canvas; what was read is from before it.
      if (this.#outdated) this.#preview();
    } finally {
      this.#reading = false;
    }
  }

  /** Puts what was read last onto the drawing as it is now, to be drawn in this frame. */
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

  #tellRate(now: number): void {
    const passed = now - this.#counted.since;
    if (passed < RATE_WINDOW_MS) return;
    this.#listener.rate((1000 * this.#counted.steps) / passed);
    this.#counted = { steps: 0, since: now };
  }
}
