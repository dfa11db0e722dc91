/**
 * Drawing on the canvas with mouse, pen and fingers, and with the keyboard.
 */

import type { Colony } from '../engine/colony';
import type { Session } from './session';
import type { Settings } from './settings';
import { ERASER_WIDTH, type Point, Stroke } from './stroke';

const PENCIL_INK = 1;
const ERASER_INK = 0;

interface Tool {
  /** As `Cells.paint` takes it. */
  readonly ink: number | null;
  /** If given, it doesn't paint: it makes cells impostors (true) or honest (false). */
  readonly impostors?: boolean;
  /** In cells. */
  readonly radius: number;
}

/** Where the pen is and its radius, in cells; undefined if it isn't on the canvas. */
export type Ring = (Point & { readonly radius: number }) | undefined;

/** A stroke on its way to the cells. */
interface Line {
  readonly stroke: Stroke;
  readonly tool: Tool;
  /** Points that aren't drawn yet. */
  waiting: Point[];
}

/** What a pen tells the page. */
export interface PenListener {
  /** A stroke begins or goes on; `marks` if it only makes cells impostors or honest. */
  draws(begins: boolean, marks: boolean): void;
  /** Where the pen is. */
  moves(ring: Ring): void;
  /** Where the keyboard's pen is, and whether it draws. */
  steps(at: Point, down: boolean): void;
}

/** Turns pointer events and keys on the canvas into edits. */
export class Pen {
  readonly #canvas: HTMLCanvasElement;
  readonly #session: Session;
  readonly #settings: Settings;
  readonly #lines = new Map<number, Line>(); // by pointer
  readonly #listener: PenListener;
  // The keyboard's pen: where it stands, and its line while it is down.
  #at: Point | undefined;
  #down: Line | undefined;

  constructor(
    canvas: HTMLCanvasElement,
    session: Session,
    settings: Settings,
    listener: PenListener,
  ) {
    this.#canvas = canvas;
    this.#session = session;
    this.#settings = settings;
    this.#listener = listener;
    canvas.addEventListener('pointerdown', (event) => this.#press(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel'] as const) {
      canvas.addEventListener(end, (event) => this.#lines.delete(event.pointerId));
    }
    canvas.addEventListener('pointerleave', () => listener.moves(undefined));
    canvas.addEventListener('keydown', (event) => this.#key(event));
    canvas.addEventListener('blur', () => {
      this.#lift();
      listener.moves(undefined);
    });
  }

  #tool(shift: boolean): Tool {
    const radius = this.#settings.get('brush') / 2;
    const chosen = this.#settings.get('tool');
    if (chosen === 'impostor') return { ink: null, impostors: !shift, radius };
    const name = shift && chosen === 'pencil' ? 'eraser' : chosen;
    if (name === 'pencil') return { ink: PENCIL_INK, radius };
    return { ink: name === 'eraser' ? ERASER_INK : null, radius: ERASER_WIDTH * radius };
  }

  #cell(event: PointerEvent): Point {
    const box = this.#canvas.getBoundingClientRect();
    const { size } = this.#session.cells;
    return {
      x: ((event.clientX - box.left) / box.width) * size,
      y: ((event.clientY - box.top) / box.height) * size,
    };
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0) return;
    event.preventDefault(); // no selection of text, no scrolling
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#lines.set(event.pointerId, this.#begin(this.#cell(event), this.#tool(event.shiftKey)));
  }

  #move(event: PointerEvent): void {
    const at = this.#cell(event);
    this.#at = at;
    this.#listener.moves({ ...at, radius: this.#tool(event.shiftKey).radius });
    const line = this.#lines.get(event.pointerId);
    if (!line) return;
    const moves = event.getCoalescedEvents?.() ?? [];
    this.#goOn(line, ...(moves.length > 0 ? moves : [event]).map((move) => this.#cell(move)));
  }

  #begin(at: Point, tool: Tool): Line {
    const { size } = this.#session.cells;
    const line = { stroke: new Stroke(size, at, tool.radius), tool, waiting: [at] };
    this.#listener.draws(true, tool.impostors !== undefined);
    this.#session.stroke((cells) => this.#paint(cells, line), true);
    return line;
  }

  #goOn(line: Line, ...points: Point[]): void {
    line.waiting.push(...points);
    this.#listener.draws(false, line.tool.impostors !== undefined);
    // One edit draws all points that have come since the last edit.
    if (line.waiting.length === points.length) {
      this.#session.stroke((cells) => this.#paint(cells, line), false);
    }
  }

  #paint(cells: Colony, line: Line): void {
    const { stroke, tool, waiting } = line;
    line.waiting = [];
    // If the size of the canvas has changed since, the points would be wrong.
    if (cells.size !== stroke.size) return;
    const amounts = stroke.through(waiting);
    if (tool.impostors === undefined) {
      cells.paint(amounts, tool.ink);
    } else {
      const marked = [...amounts.keys()].filter((cell) => stroke.covers(cell));
      cells.mark(marked, tool.impostors);
    }
  }

  /** Arrows move the pen, Enter puts it down and lifts it. */
  #key(event: KeyboardEvent): void {
    const { size } = this.#session.cells;
    const at = this.#at ?? { x: size / 2, y: size / 2 };
    const arrow = ARROWS[event.key];
    if (arrow) {
      const go = (from: number, by: number): number =>
        Math.min(size - 0.5, Math.max(0.5, Math.floor(from) + 0.5 + by));
      this.#at = { x: go(at.x, arrow[0]), y: go(at.y, arrow[1]) };
      if (this.#down) this.#goOn(this.#down, this.#at);
    } else if (event.key === 'Enter') {
      this.#at = at;
      if (this.#down) this.#lift();
      else this.#down = this.#begin(at, this.#tool(event.shiftKey));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    this.#listener.moves({ ...this.#at, radius: this.#tool(event.shiftKey).radius });
    this.#listener.steps(this.#at, this.#down !== undefined);
  }

  #lift(): void {
    this.#down = undefined;
  }
}

const ARROWS: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};
