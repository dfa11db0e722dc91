/**
 * What undo goes back to.
 */

import type { Cells, Snapshot } from './cells';

const DEPTH = 50;

/** The canvas before each of the last edits. */
export class History {
  readonly #snapshots: Snapshot[] = [];

  /** To be called before an edit. */
  remember(cells: Cells): void {
    this.#snapshots.push(cells.snapshot());
    if (this.#snapshots.length > DEPTH) this.#snapshots.shift();
  }

  /** Takes back the last edit; false if there is none. */
  async undo(cells: Cells): Promise<boolean> {
    const snapshot = this.#snapshots.pop();
    if (!snapshot) return false;
    await cells.restore(snapshot);
    return true;
  }
}
