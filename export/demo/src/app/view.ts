/**
 * Draws what the cells do: canvases, curve, channels, one cell, votes, and the sentence in words.
 *
 * Every picture is counted; the canvas is drawn for each, the rest less often.
 */

import { lookInWords, Recent } from '../cell_look';
import { census, type Census, inWords, labels } from '../census';
import { channelAt, channelName, channelsHeight } from '../drawing/channel_layout';
import { drawChannel, drawChannels } from '../drawing/channels';
import { Curve, type MarkKind } from '../drawing/curve';
import { drawPlot } from '../drawing/curve_plot';
import { drawGlyph } from '../drawing/glyph';
import { drawOneCell } from '../drawing/one_cell';
import { theme } from '../drawing/theme';
import type { Manifest } from '../engine/manifest';
import type { Picture, RGB } from '../engine/picture';
import { palette } from '../palette';
import { type Box, piecesOf } from '../pieces';
import { button, canvas, element, onPlot } from './elements';
import type { Ring } from './pointer';
import type { Samples } from './samples';
import type { Settings } from './settings';
import { Stage } from './stage';

const CURVE_MS = 50;
const CHANNELS_MS = 100;
const WORDS_MS = 700; // so that a screen reader can finish a sentence
const LARGE = 1.25; // times the side of a digit's picture

/** What is drawn less often than the canvas. */
type Part = 'curve' | 'channels' | 'words';

/** A picture with what has been counted in it. */
interface Counted {
  readonly picture: Picture;
  readonly labels: Int8Array;
  readonly census: Census;
}

/** A piece that is much larger than a digit. */
interface TooLarge {
  /** The larger one of its height and width, in cells. */
  readonly side: number;
  readonly piece: Box;
  /** y * size + x of each. */
  readonly cells: ReadonlySet<number>;
}

/** The page's pictures of the cells. */
export class View {
  readonly curve = new Curve();
  readonly #settings: Settings;
  readonly #samples: Samples;
  readonly #stages = [
    new Stage(canvas('cells'), canvas('overlay')),
    new Stage(canvas('twin'), canvas('twin-overlay')),
  ];
  readonly #curveCanvas = canvas('curve');
  readonly #channels = canvas('channels');
  readonly #channel = canvas('channel');
  readonly #decision = element('decision', HTMLSpanElement);
  readonly #recent = new Recent();
  #manifest: Manifest | undefined;
  #counted: Counted[] = [];
  #colours: RGB[] = [];
  #looked = -1; // the cell that is shown in detail
  #drawn: Record<Part, number> = { curve: 0, channels: 0, words: 0 };
  #later = 0;

  constructor(settings: Settings, samples: Samples) {
    this.#settings = settings;
    this.#samples = samples;
    this.#channels.addEventListener('click', (event) => this.#pickChannel(event));
    this.#channels.addEventListener('keydown', (event) => this.#stepChannel(event));
    new ResizeObserver(() => this.refresh()).observe(element('canvases', HTMLDivElement));
    window.addEventListener('resize', () => this.refresh());
  }

  get picture(): Picture | undefined {
    return this.#counted[0]?.picture;
  }

  /** The picture of the second canvas, if there is one. */
  get twin(): Picture | undefined {
    return this.#counted[1]?.picture;
  }

  get census(): Census | undefined {
    return this.#counted[0]?.census;
  }

  get labels(): Int8Array {
    return this.#counted[0]?.labels ?? new Int8Array();
  }

  get colours(): RGB[] {
    return this.#colours;
  }

  /** The title of the model. */
  get title(): string {
    return this.#manifest?.title ?? '';
  }

  get dark(): boolean {
    return document.documentElement.dataset['theme'] === 'dark';
  }

  /** The largest piece, if it is much larger than the digits of the model's training. */
  get tooLarge(): TooLarge | undefined {
    if (!this.#manifest || !this.picture) return undefined;
    const { imageSize, sizes } = this.#manifest;
    const { boxes, pieceOf } = piecesOf(this.picture);
    const sides = boxes.map((box) => Math.max(box.right - box.left, box.bottom - box.top));
    const side = Math.max(0, ...sides);
    if (side <= LARGE * imageSize * sizes[1]) return undefined;
    const index = sides.indexOf(side);
    const cells = this.picture.positions.filter((_, row) => pieceOf[row] === index);
    return { side, piece: boxes[index], cells: new Set(cells) };
  }

  /** Takes the constants of another model. */
  useModel(manifest: Manifest): void {
    this.#manifest = manifest;
    this.recolour();
  }

  /** Takes palette, hue and theme from the settings. */
  recolour(): void {
    if (!this.#manifest) return;
    const { palette: article } = this.#manifest;
    const name = this.#settings.get('palette');
    this.#colours = palette(name, article, this.#settings.get('hue'), theme(this.dark).ground);
    this.#colours.forEach((colour, label) => {
      const legend = button(`digit-${label}`);
      const [red, green, blue] = colour;
      legend.style.setProperty('--label', `rgb(${red} ${green} ${blue})`);
      drawGlyph(legend.querySelector('canvas')!, this.#samples.picture(label, 0), colour);
    });
    this.refresh();
  }

  /** Shows where the pen is, and the cell under it in detail. */
  showRing(ring: Ring): void {
    const { picture } = this;
    for (const stage of this.#stages) stage.ring = ring;
    if (ring && picture) {
      const { size } = picture;
      const inside = ring.x >= 0 && ring.y >= 0 && ring.x < size && ring.y < size;
      const cell = Math.floor(ring.y) * size + Math.floor(ring.x);
      if (inside && this.#recent.look(cell)) this.#looked = cell;
    }
    this.#drawOneCell();
  }

  /** What the cell under a place on the canvas says, in words. */
  cellInWords({ x, y }: { readonly x: number; readonly y: number }): string {
    const cell = Math.floor(y) * (this.picture?.size ?? 0) + Math.floor(x);
    const look = this.#recent.look(cell);
    return look
      ? lookInWords(look)
      : `Column ${Math.floor(x) + 1}, row ${Math.floor(y) + 1}: no living cell.`;
  }

  /** Marks an event on the curve; a reset starts a new curve. */
  mark(kind: MarkKind): void {
    if (kind === 'reset') this.curve.clear();
    else if (this.picture) this.curve.mark(this.picture.step, kind);
  }

  /** Shows the cells as they now are, on each canvas. */
  show(pictures: readonly Picture[]): void {
    this.#counted = pictures.map((picture) => {
      const own = labels(picture);
      return { picture, labels: own, census: census(picture, own) };
    });
    const [{ picture, census: counted }] = this.#counted;
    this.curve.push(picture.step, counted);
    this.#recent.push(picture);
    this.#drawStages();
    this.#drawSlowly();
  }

  /** Draws everything again. */
  refresh(): void {
    this.#drawn = { curve: 0, channels: 0, words: 0 };
    this.#drawStages();
    this.#drawSlowly();
  }

  #drawStages(): void {
    const { dark } = this;
    this.#counted.forEach((counted, i) => {
      this.#stages[i].show({ ...counted, colours: this.#colours, dark });
    });
  }

  /** Draws what isn't drawn for every picture. What is left out now is drawn a little later. */
  #drawSlowly(): void {
    window.clearTimeout(this.#later);
    const now = performance.now();
    let all = true;
    const due = (part: Part, interval: number): boolean => {
      const waited = now - this.#drawn[part] >= interval;
      if (waited) this.#drawn[part] = now;
      else all = false;
      return waited;
    };
    if (due('curve', CURVE_MS)) {
      this.#drawCurve();
      this.#drawVotes();
      this.#drawOneCell();
    }
    if (due('channels', CHANNELS_MS)) this.#drawChannels();
    if (due('words', WORDS_MS)) this.#say();
    if (!all) this.#later = window.setTimeout(() => this.#drawSlowly(), WORDS_MS / 2);
  }

  #drawCurve(): void {
    onPlot(this.#curveCanvas, (context, width, height) =>
      drawPlot(context, width, height, this.curve, this.#colours, this.dark),
    );
  }

  #drawVotes(): void {
    const counted = this.census;
    if (!counted) return;
    counted.votes.forEach((votes, label) => {
      const share = counted.living > 0 ? votes / counted.living : 0;
      button(`digit-${label}`).style.setProperty('--share', share.toFixed(3));
    });
  }

  #say(): void {
    const said = this.#counted.map(({ census }) => inWords(census));
    const [first, second = ''] = said;
    if (first === undefined) return;
    write(this.#decision, first);
    write(element('twin-decision', HTMLElement), second);
    const large = this.tooLarge;
    const [, most] = this.#manifest?.sizes ?? [1, 1];
    const trained = Math.round((this.#manifest?.imageSize ?? 0) * most);
    const text = large
      ? `This piece is ${large.side} cells across. The model was trained on digits of up to ` +
        `${trained} cells, so its cells may never agree.`
      : '';
    write(element('too-large-text', HTMLSpanElement), text);
    button('shrink').hidden = !large;
  }

  #drawOneCell(): void {
    const look = this.#recent.look(this.#looked);
    const plot = canvas('one-cell');
    this.#stages[0].framed = look ? this.#looked : -1;
    for (const stage of this.#stages) stage.drawOverlay();
    element('one-cell-hint', HTMLParagraphElement).hidden = look !== undefined;
    plot.hidden = !look;
    if (!look) return;
    plot.setAttribute('aria-label', lookInWords(look));
    onPlot(plot, (context, width, height) =>
      drawOneCell(context, width, height, look, this.#colours, this.dark),
    );
  }

  #drawChannels(): void {
    const { picture } = this;
    if (!picture || this.#settings.get('view') !== 'channels') return;
    const highlighted = Math.min(this.#settings.get('channel'), picture.stateChannels);
    this.#channels.style.height = `${channelsHeight(this.#channels.clientWidth, picture)}px`;
    onPlot(this.#channels, (context, width, height) =>
      drawChannels(context, width, height, picture, this.dark, highlighted),
    );
    onPlot(this.#channel, (context, width, height) =>
      drawChannel(context, width, height, picture, highlighted, this.dark),
    );
    this.#channel.setAttribute('aria-label', channelName(highlighted, picture));
  }

  #pickChannel(event: MouseEvent): void {
    const { clientWidth, clientHeight } = this.#channels;
    if (!this.picture) return;
    const { offsetX, offsetY } = event;
    const channel = channelAt(clientWidth, clientHeight, offsetX, offsetY, this.picture);
    if (channel !== null) this.#settings.set('channel', channel);
  }

  #stepChannel(event: KeyboardEvent): void {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -5, ArrowDown: 5 }[event.key];
    if (by === undefined || !this.picture) return;
    event.preventDefault();
    const channel = this.#settings.get('channel') + by;
    if (channel >= 0 && channel <= this.picture.stateChannels) {
      this.#settings.set('channel', channel);
    }
  }
}

/** Writes only a changed text: live regions would announce the same text again. */
function write(to: HTMLElement, text: string): void {
  if (to.textContent !== text) to.textContent = text;
}
