/**
 * Draws what the cells do: canvas, curve, channels, votes, and the sentence in words.
 *
 * Every picture is counted; the canvas is drawn for each, the rest less often.
 */

import { census, type Census, inWords, labels } from '../census';
import { drawCells } from '../drawing/cells';
import {
  channelAt,
  channelName,
  channelsHeight,
  drawChannel,
  drawChannels,
} from '../drawing/channels';
import { Curve, type MarkKind } from '../drawing/curve';
import { drawLabels } from '../drawing/labels';
import type { Manifest } from '../engine/manifest';
import type { Picture, RGB } from '../engine/picture';
import { palette } from '../palette';
import { button, canvas, element, onPlot } from './elements';
import type { Ring } from './pointer';
import type { Settings } from './settings';

const CURVE_MS = 50;
const CHANNELS_MS = 100;
const WORDS_MS = 700; // a screen reader must come to the end of a sentence
const RING_COLOUR = 'rgb(128 128 128 / 90%)';

/** What is drawn less often than the canvas. */
type Part = 'curve' | 'channels' | 'words';

/** The page's pictures of the cells. */
export class View {
  readonly curve = new Curve();
  readonly #settings: Settings;
  readonly #stage = canvas('cells');
  readonly #overlay = canvas('overlay');
  readonly #curveCanvas = canvas('curve');
  readonly #channels = canvas('channels');
  readonly #channel = canvas('channel');
  readonly #decision = element('decision', HTMLSpanElement);
  #manifest: Manifest | undefined;
  #picture: Picture | undefined;
  #labels: Int8Array = new Int8Array();
  #census: Census | undefined;
  #colours: RGB[] = [];
  #ring: Ring;
  #drawn: Record<Part, number> = { curve: 0, channels: 0, words: 0 };
  #later = 0;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#channels.addEventListener('click', (event) => this.#pickChannel(event));
    this.#channels.addEventListener('keydown', (event) => this.#stepChannel(event));
    window.addEventListener('resize', () => this.refresh());
  }

  get picture(): Picture | undefined {
    return this.#picture;
  }

  get census(): Census | undefined {
    return this.#census;
  }

  get labels(): Int8Array {
    return this.#labels;
  }

  get colours(): RGB[] {
    return this.#colours;
  }

  /** The model's. */
  get title(): string {
    return this.#manifest?.title ?? '';
  }

  get dark(): boolean {
    return document.documentElement.dataset['theme'] === 'dark';
  }

  /** Takes over the constants of another model. */
  useModel(manifest: Manifest): void {
    this.#manifest = manifest;
    this.recolour();
  }

  /** Takes over palette and hue. */
  recolour(): void {
    if (!this.#manifest) return;
    const { palette: article } = this.#manifest;
    this.#colours = palette(this.#settings.get('palette'), article, this.#settings.get('hue'));
    this.#colours.forEach(([red, green, blue], label) => {
      button(`digit-${label}`).style.setProperty('--label', `rgb(${red} ${green} ${blue})`);
    });
    this.refresh();
  }

  /** Shows where the pen is. */
  showRing(ring: Ring): void {
    this.#ring = ring;
    this.#drawOverlay();
  }

  /** Marks an event on the curve, which begins anew with a reset. */
  mark(kind: MarkKind): void {
    if (kind === 'reset') this.curve.clear();
    else if (this.#picture) this.curve.mark(this.#picture.step, kind);
  }

  /** Shows the cells as they now are. */
  show(picture: Picture): void {
    this.#picture = picture;
    this.#labels = labels(picture);
    this.#census = census(picture, this.#labels);
    this.curve.push(picture.step, this.#census);
    this.#drawStage();
    this.#drawSlowly();
  }

  /** Draws everything again. */
  refresh(): void {
    this.#drawn = { curve: 0, channels: 0, words: 0 };
    this.#drawStage();
    this.#drawSlowly();
  }

  #drawStage(): void {
    const picture = this.#picture;
    const context = this.#stage.getContext('2d');
    if (!picture || !context) return;
    if (this.#stage.width !== picture.size) {
      this.#stage.width = picture.size;
      this.#stage.height = picture.size;
    }
    drawCells(context, picture, this.#labels, this.#colours, this.dark);
    this.#drawOverlay();
  }

  #drawOverlay(): void {
    const picture = this.#picture;
    if (!picture) return;
    onPlot(this.#overlay, (context, width) => {
      if (this.#census) {
        drawLabels(context, width, picture, this.#census, this.#colours, this.dark);
      }
      if (!this.#ring) return;
      const cell = width / picture.size;
      const { x, y, radius } = this.#ring;
      context.strokeStyle = RING_COLOUR;
      context.lineWidth = 1.5;
      context.beginPath();
      context.arc(x * cell, y * cell, radius * cell, 0, 2 * Math.PI);
      context.stroke();
    });
  }

  /** What needn't be drawn for every picture; what is left out now is drawn a little later. */
  #drawSlowly(): void {
    window.clearTimeout(this.#later);
    const now = performance.now();
    const due = (part: Part, interval: number): boolean => {
      if (now - this.#drawn[part] < interval) return false;
      this.#drawn[part] = now;
      return true;
    };
    if (due('curve', CURVE_MS)) {
      this.#drawCurve();
      this.#drawVotes();
    }
    if (due('channels', CHANNELS_MS)) this.#drawChannels();
    if (due('words', WORDS_MS)) this.#say();
    else this.#later = window.setTimeout(() => this.#drawSlowly(), WORDS_MS / 2);
  }

  #drawCurve(): void {
    onPlot(this.#curveCanvas, (context, width, height) =>
      this.curve.draw(context, width, height, this.#colours, this.dark),
    );
  }

  #drawVotes(): void {
    const counted = this.#census;
    if (!counted) return;
    counted.votes.forEach((votes, label) => {
      const share = counted.living > 0 ? votes / counted.living : 0;
      button(`digit-${label}`).style.setProperty('--share', share.toFixed(3));
    });
  }

  #say(): void {
    if (!this.#census) return;
    const words = inWords(this.#census);
    if (this.#decision.textContent !== words) this.#decision.textContent = words;
  }

  #drawChannels(): void {
    const picture = this.#picture;
    if (!picture || this.#settings.get('view') !== 'channels') return;
    const highlighted = Math.min(this.#settings.get('channel'), picture.stateChannels);
    this.#channels.style.height = `${channelsHeight(this.#channels.clientWidth)}px`;
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
    const channel = channelAt(clientWidth, clientHeight, event.offsetX, event.offsetY);
    if (channel !== null) this.#settings.set('channel', channel);
  }

  #stepChannel(event: KeyboardEvent): void {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -5, ArrowDown: 5 }[event.key];
    if (by === undefined || !this.#picture) return;
    event.preventDefault();
    const channel = this.#settings.get('channel') + by;
    if (channel >= 0 && channel <= this.#picture.stateChannels) {
      this.#settings.set('channel', channel);
    }
  }
}
