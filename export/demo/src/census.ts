/**
 * What the cells say: their labels, the votes of the canvas and of each connected piece, and the
 * outcome in words. Knows nothing of the page.
 */

import type { Picture } from './engine/picture';
import { piecesOf } from './pieces';
import type { Box } from './pieces';

/** The label of a cell that has not decided. */
export const UNDECIDED = -1;
/** In place of the label of an impostor, which has no vote. */
export const IMPOSTOR = -2;

/** Connected living cells, and what they say. Coordinates are in cells. */
export interface Piece extends Box {
  /** The label that most of its cells give, the lowest of several; UNDECIDED if none gives one. */
  label: number;
  /** Number of honest cells. */
  size: number;
  /** [classes] honest cells that give each label. */
  votes: Int32Array;
  /** Whether all its honest cells give the same label. */
  agree: boolean;
  /** Centre of its cells. */
  x: number;
  y: number;
}

/** What the living cells of a canvas say. All but `impostors` is about the honest ones. */
export interface Census {
  /** Number of living cells. */
  living: number;
  /** Number of living impostors. */
  impostors: number;
  /** [classes] cells that give each label. */
  votes: Int32Array;
  /** Cells without a label. */
  undecided: number;
  /** Connected groups of 10 cells or more, in reading order; smaller ones are in `votes` only. */
  pieces: Piece[];
  /**
   * Share of the living cells that give their piece's commonest label, 0 to 1. Cells outside all
   * pieces count if they give the canvas's commonest label.
   */
  share: number;
  /** Total agreement: share of pieces whose cells all give one label, 0 to 1; 0 without any. */
  agreement: number;
}

const LONGEST = 120; // characters of a sentence, for screen readers

/** The label of each row, [N], as `labelOf`. */
export function labels(picture: Picture): Int8Array {
  const result = new Int8Array(picture.positions.length);
  for (let row = 0; row < result.length; row++) result[row] = labelOf(picture, row);
  return result;
}

/** The label of one row: IMPOSTOR, or UNDECIDED where all its logits are below `undecidedBelow`. */
export function labelOf(
  { state, stateChannels, classes, undecidedBelow, positions, impostors }: Picture,
  row: number,
): number {
  if (impostors.has(positions[row])) return IMPOSTOR;
  const first = (row + 1) * stateChannels - classes;
  let best = 0;
  for (let label = 1; label < classes; label++) {
    if (state[first + label] > state[first + best]) best = label;
  }
  return state[first + best] < undecidedBelow ? UNDECIDED : best;
}

/** The commonest label of [classes] votes, the lowest if several are; UNDECIDED without a vote. */
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
  const impostors = new Int32Array(boxes.length + 1);
  const ofPiece = new Int32Array((boxes.length + 1) * classes);
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row];
    const piece = pieceOf[row];
    if (label === IMPOSTOR) impostors[piece]++;
    else if (label === UNDECIDED) undecided[piece]++;
    else ofPiece[piece * classes + label]++;
  }
  for (let i = 0; i < ofPiece.length; i++) votes[i % classes] += ofPiece[i];
  const pieces = boxes.map((box, i): Piece => {
    const own = ofPiece.slice(i * classes, (i + 1) * classes);
    const label = commonest(own);
    const size = box.size - impostors[i];
    const agree = label !== UNDECIDED && own[label] === size;
    return { ...box, size, label, votes: own, agree };
  });
  const overall = commonest(votes);
  let conforming = overall === UNDECIDED ? 0 : ofPiece[boxes.length * classes + overall];
  for (const piece of pieces) {
    if (piece.label !== UNDECIDED) conforming += piece.votes[piece.label];
  }
  const agreeing = pieces.filter((piece) => piece.agree).length;
  const lying = total(impostors);
  const living = labels.length - lying;
  return {
    living,
    impostors: lying,
    votes,
    undecided: total(undecided),
    pieces,
    share: living ? conforming / living : 0,
    agreement: pieces.length ? agreeing / pieces.length : 0,
  };
}

function total(counts: Int32Array): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** What the honest cells have decided, in a sentence of at most 120 characters. */
export function inWords(census: Census): string {
  const { living, impostors, pieces } = census;
  const lying = impostors === 1 ? '1 impostor' : `${impostors} impostors`;
  if (living === 0) return impostors ? `Only ${lying}` : 'No living cells. Draw a digit.';
  const end = impostors ? `; ${lying}` : '';
  return pieces.length > 1 ? severalInWords(pieces, end) : oneInWords(census) + end;
}

/** "3", "3?" while its cells disagree, "?" before any of them has a label. */
export function verdict(piece: Piece): string {
  if (piece.label === UNDECIDED) return '?';
  return piece.agree ? `${piece.label}` : `${piece.label}?`;
}

function oneInWords({ living, impostors, votes, undecided }: Census): string {
  const kind = impostors ? 'honest ' : '';
  const label = commonest(votes);
  if (label === UNDECIDED) {
    return `Undecided: ${cells(living, kind)} ${living === 1 ? 'has' : 'have'} no label yet`;
  }
  if (votes[label] === living) {
    return living === 1
      ? `${label}, says the only ${kind}cell`
      : `${label}, all ${living} ${kind}cells agree`;
  }
  const others = votes.slice();
  others[label] = 0;
  const second = commonest(others);
  const likely = votes[label] * 2 > living ? 'Probably' : 'Perhaps';
  let text = `${likely} ${label}: ${votes[label]} of ${cells(living, kind)}`;
  if (second !== UNDECIDED) {
    text += `, ${others[second]} ${others[second] === 1 ? 'says' : 'say'} ${second}`;
  }
  if (undecided) text += `, ${undecided} ${undecided === 1 ? 'has' : 'have'} no label`;
  return text;
}

function severalInWords(pieces: Piece[], last: string): string {
  if (pieces.every(({ label }) => label === UNDECIDED)) {
    return `Undecided: ${pieces.length} digits have no label yet${last}`;
  }
  const agreeing = pieces.filter((piece) => piece.agree).length;
  const start = `${pieces.length} digits: `;
  const end = `; ${agreeing} of ${pieces.length} agree${last}`;
  let list = pieces.map(verdict).join(', ');
  const room = LONGEST - start.length - end.length;
  if (list.length > room) list = `${list.slice(0, list.lastIndexOf(', ', room - 3))}, …`;
  return start + list + end;
}

function cells(count: number, kind: string): string {
  return `${count} ${kind}${count === 1 ? 'cell' : 'cells'}`;
}
