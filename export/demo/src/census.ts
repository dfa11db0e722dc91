/**
 * What the cells say: their labels, the votes of the canvas and of each connected piece, and the
 * outcome in words. Knows nothing of the page.
 */

import type { Picture } from './engine/picture';
import { piecesOf } from './pieces';
import type { Box } from './pieces';

/** The label of a cell that has not decided. */
export const UNDECIDED = -1;

/** Living cells that hang together, and what they say. Coordinates are in cells. */
export interface Piece extends Box {
  /** The label that most of its cells give, the lowest of several; UNDECIDED if none gives one. */
  label: number;
  /** Number of cells. */
  size: number;
  /** [classes] cells that give each label. */
  votes: Int32Array;
  /** Cells without a label. */
  undecided: number;
  /** Whether all its cells give the same label. */
  agree: boolean;
  /** Centre of its cells. */
  x: number;
  y: number;
}

/** What the living cells of a canvas say. */
export interface Census {
  /** Number of living cells. */
  living: number;
  /** [classes] cells that give each label. */
  votes: Int32Array;
  /** Cells without a label. */
  undecided: number;
  /** Connected groups of 10 cells or more, in reading order; smaller ones are in `votes` only. */
  pieces: Piece[];
  /**
   * Share of the living cells that give their piece's commonest label, 0 to 1; of cells outside
   * all pieces, the canvas's commonest label.
   */
  share: number;
  /** Total agreement: share of pieces whose cells all give one label, 0 to 1; 0 without any. */
  agreement: number;
}

const LONGEST = 120; // characters of a sentence, for screen readers

/** The label of each row, [N]: UNDECIDED where all its logits are below `undecidedBelow`. */
export function labels(picture: Picture): Int8Array {
  const result = new Int8Array(picture.positions.length);
  for (let row = 0; row < result.length; row++) result[row] = labelOf(picture, row);
  return result;
}

/** The label of one row. */
export function labelOf(
  { state, stateChannels, classes, undecidedBelow }: Picture,
  row: number,
): number {
  const first = (row + 1) * stateChannels - classes;
  let best = 0;
  for (let label = 1; label < classes; label++) {
    if (state[first + label] > state[first + best]) best = label;
  }
  return state[first + best] < undecidedBelow ? UNDECIDED : best;
}

/** The commonest label of [classes] votes, the lowest of several; UNDECIDED without a vote. */
export function commonest(votes: Int32Array): number {
  let best = UNDECIDED;
  for (let label = 0; label < votes.length; label++) {
    if (votes[label] > (best === UNDECIDED ? 0 : votes[best])) best = label;
  }
  return best;
}

/** Counts the votes of `labels`, [N], as `labels(picture)` gives them. */
export function census(picture: Picture, labels: Int8Array): Census {
  const { classes } = picture;
  const { pieceOf, boxes } = piecesOf(picture);
  const votes = new Int32Array(classes);
  const undecided = new Int32Array(boxes.length + 1); // the last is of cells outside all pieces
  const ofPiece = new Int32Array((boxes.length + 1) * classes);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    const piece = pieceOf[row];
    if (label === UNDECIDED) undecided[piece]++;
    else ofPiece[piece * classes + label]++;
  }
  for (let i = 0; i < ofPiece.length; i++) votes[i % classes] += ofPiece[i];
  const pieces = boxes.map((box, i): Piece => {
    const own = ofPiece.slice(i * classes, (i + 1) * classes);
    const label = commonest(own);
    const agree = label !== UNDECIDED && own[label] === box.size;
    return { ...box, label, votes: own, undecided: undecided[i], agree };
  });
  const overall = commonest(votes);
  let conforming = overall === UNDECIDED ? 0 : ofPiece[boxes.length * classes + overall];
  for (const piece of pieces) {
    if (piece.label !== UNDECIDED) conforming += piece.votes[piece.label];
  }
  const agreeing = pieces.filter((piece) => piece.agree).length;
  return {
    living: labels.length,
    votes,
    undecided: undecided.reduce((sum, count) => sum + count, 0),
    pieces,
    share: labels.length ? conforming / labels.length : 0,
    agreement: pieces.length ? agreeing / pieces.length : 0,
  };
}

/** What the cells have decided, in a sentence of at most 120 characters. */
export function inWords(census: Census): string {
  if (census.living === 0) return 'No living cells. Draw a digit.';
  return census.pieces.length > 1 ? severalInWords(census.pieces) : oneInWords(census);
}

/** "3", "3?" while its cells disagree, "?" before any of them has a label. */
export function verdict(piece: Piece): string {
  if (piece.label === UNDECIDED) return '?';
  return piece.agree ? `${piece.label}` : `${piece.label}?`;
}

function oneInWords({ living, votes, undecided }: Census): string {
  const label = commonest(votes);
  if (label === UNDECIDED) {
    return `Undecided: ${cells(living)} ${living === 1 ? 'has' : 'have'} no label yet`;
  }
  if (votes[label] === living) {
    return living === 1 ? `${label}, says the only cell` : `${label}, all ${living} cells agree`;
  }
  const others = votes.slice();
  others[label] = 0;
  const second = commonest(others);
  const likely = votes[label] * 2 > living ? 'Probably' : 'Perhaps';
  let text = `${likely} ${label}: ${votes[label]} of ${cells(living)}`;
  if (second !== UNDECIDED) {
    text += `, ${others[second]} ${others[second] === 1 ? 'says' : 'say'} ${second}`;
  }
  if (undecided) text += `, ${undecided} ${undecided === 1 ? 'has' : 'have'} no label`;
  return text;
}

function severalInWords(pieces: Piece[]): string {
  if (pieces.every(({ label }) => label === UNDECIDED)) {
    return `Undecided: ${pieces.length} digits have no label yet`;
  }
  const agreeing = pieces.filter((piece) => piece.agree).length;
  const start = `${pieces.length} digits: `;
  const end = `; ${agreeing} of ${pieces.length} agree`;
  let list = pieces.map(verdict).join(', ');
  const room = LONGEST - start.length - end.length;
  if (list.length > room) list = `${list.slice(0, list.lastIndexOf(', ', room - 3))}, …`;
  return start + list + end;
}

function cells(count: number): string {
  return count === 1 ? '1 cell' : `${count} cells`;
}
