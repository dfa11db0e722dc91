/**
 * What undo goes back to.
 */

import type { Colony, Snapshots } from './colony';

const DEPTH = 50;

/** The canvas before each of the last edits. */
export class History {
  readonly #snapshots: Snapshots[] = [];

  /** To be called before an edit. */
  remember(cells: Colony): void {
    this.#snapshots.push(cells.snapshot());
    if (this.#snapshots.length > DEPTH) this.#snapshots.shift();
  }

  /**
   * Takes back the last edit, if there is one.
   *
   * @returns false if the states couldn't come back with the drawing, see `Cells.restore`.
   */
  async undo(cells: Colony): Promise<boolean> {
    const snapshot = this.#snapshots.pop();
    return snapshot ? cells.restore(snapshot) : true;
  }
}
