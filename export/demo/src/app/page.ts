/**
 * The page: what its controls and settings do to the cells.
 */

import { Cells } from '../engine/cells';
import { Colony } from '../engine/colony';
import { NOWHERE } from '../engine/impostors';
import type { Picture } from '../engine/picture';
import { Random } from '../engine/random';
import { shrunk } from '../shrink';
import { Address } from './address';
import { copyLink, saveFilm, savePictureOf } from './capture';
import { type Controls, stepsAFrame } from './controls';
import { button, canvas, element } from './elements';
import type { Experiment } from './experiments';
import { Guide } from './guide';
import { ImpostorTool } from './impostor_tool';
import type { Loaded } from './loading';
import { clearError, showError, showNotice } from './messages';
import { Pen } from './pointer';
import { Running } from './running';
import { type RestartReason, Session } from './session';
import type { Key, Settings } from './settings';
import type { View } from './view';

type MarkKind = Parameters<View['mark']>[0];

// The cells are slow at first, so that one can see them disagree and decide.
const SLOW_STEPS = 40;
const SLOW_SPEED = 0.1; // steps a frame

const HINT_ROW = 0.82; // of the canvas's height: where "Draw here" begins

const RESTART_NOTICES: Readonly<Record<RestartReason, string>> = {
  runaway: 'The numbers in some cells grew without limit. Their digit starts again.',
  undo: 'The drawing is back. Its cells start again, because their states came from another model.',
};

/** The cells, and everything that can be done with them. */
export class Page {
  readonly session: Session;
  readonly #view: View;
  readonly #settings: Settings;
  readonly #controls: Controls;
  readonly #loaded: Loaded;
  readonly #address: Address;
  readonly #guide: Guide;
  readonly #random = new Random();
  readonly #running: Running;
  readonly #impostors: ImpostorTool;
  /** The next sample of each label. */
  readonly #next: number[];
  /** The cells are slow until this step, unless the user chooses another speed. */
  #slowUntil = SLOW_STEPS;

  constructor(settings: Settings, controls: Controls, view: View, loaded: Loaded) {
    this.#settings = settings;
    this.#controls = controls;
    this.#view = view;
    this.#loaded = loaded;
    this.#next = new Array<number>(loaded.model.manifest.classes).fill(0);
    const cells = new Colony(new Cells(loaded.model, settings.get('size')));
    this.session = new Session(cells, {
      pictures: (pictures) => this.#show(pictures),
      rate: (rate) => {
        element('rate', HTMLSpanElement).textContent = rate.toFixed(rate < 10 ? 1 : 0);
      },
      restarted: (reason) => showNotice(RESTART_NOTICES[reason]),
      error: (error) => {
        settings.set('play', 'no');
        showError(error);
      },
    });
    this.#running = new Running(settings, this.session, controls, view, loaded);
    this.#impostors = new ImpostorTool(settings, this.session, loaded.catalogue);
    this.#address = new Address(settings, this.session, loaded.samples);
    this.#guide = new Guide(
      {
        begin: (experiment) => this.#beginExperiment(experiment),
        edit: (change, lies) => {
          this.#edit(lies ? 'impostors' : 'drawing', change);
          this.#slowDown();
        },
        showNotice,
      },
      loaded.catalogue.names,
      loaded.catalogue.hasImpostors,
    );
  }

  /** Puts the first digit onto the canvas and lets the cells run. */
  async start(): Promise<void> {
    const settings = this.#settings;
    const gray = (await this.#address.drawing()) ?? this.#anyDigit();
    const [label, sample] = settings.get('digit').split('-').map(Number);
    if (settings.get('digit')) this.#next[label] = sample + 1;
    this.session.change((cells) => cells.mutate(gray)).catch(showError);
    settings.onChange((key) => this.#follow(key));
    this.#address.listen({
      show: (gray, impostors) => {
        this.#put(() => gray);
        this.#impostors.put(impostors).catch(showError);
      },
      model: settings.get('model'),
    });
    const impostors = await this.#address.impostors();
    this.#impostors.put(impostors).catch(showError);
    if (window.matchMedia('(prefers-reduced-motion: reduce)').matches) {
      settings.set('play', 'no');
      showNotice('Paused, as your system asks for less motion. Press Play to watch the cells.');
    }
    for (const key of ['fire', 'noise', 'play', 'tool', 'beside'] as const) this.#follow(key);
    this.#setSpeed();
    this.#address.write();
    this.#listen();
    this.session.start();
  }

  #anyDigit(): Float32Array {
    const label = this.#random.below(this.#next.length);
    this.#address.sampleShown(label, 0);
    return this.#loaded.samples.one(label, 0, this.#settings.get('size'));
  }

  #listen(): void {
    const settings = this.#settings;
    const { session } = this;
    button('play').addEventListener('click', () => {
      settings.set('play', settings.get('play') === 'yes' ? 'no' : 'yes');
    });
    button('step').addEventListener('click', () => {
      settings.set('play', 'no');
      session.stepOnce().catch(showError);
    });
    button('reset').addEventListener('click', () => this.#edit('reset', (cells) => cells.reset()));
    button('bin').addEventListener('click', () => {
      this.#put(({ size }) => new Float32Array(size ** 2));
      this.#address.drawingChanged();
    });
    button('undo').addEventListener('click', () => {
      this.#guide.leave();
      showNotice('');
      session.undo().then(() => this.#view.mark('drawing'), showError);
      this.#address.drawingChanged();
    });
    this.#next.forEach((_, label) => {
      button(`digit-${label}`).addEventListener('click', () => this.#mutate(label));
    });
    button('fill').addEventListener('click', () => this.#fill());
    button('shrink').addEventListener('click', () => this.#shrink());
    button('apart').addEventListener('click', () => settings.set('beside', ''));
    button('save-picture').addEventListener('click', () => this.#try(savePictureOf(this.#view)));
    button('save-film').addEventListener('click', () => this.#try(saveFilm(this.#view)));
    button('copy-link').addEventListener('click', () => this.#try(copyLink(this.#address)));
    for (const id of ['cells', 'twin']) {
      new Pen(canvas(id), session, settings, {
        draws: (begins, marks) => this.#draws(begins, marks),
        moves: (ring) => this.#view.showRing(ring),
        steps: (at, down) => {
          const words = this.#view.cellInWords(at);
          element('pen', HTMLParagraphElement).textContent = down ? `Drawing. ${words}` : words;
        },
      });
    }
    this.#pauseOutOfSight();
  }

  #pauseOutOfSight(): void {
    let onScreen = true;
    const say = (): void => {
      this.session.inSight = onScreen && !document.hidden;
    };
    new IntersectionObserver((entries) => {
      onScreen = entries.at(-1)!.isIntersecting;
      say();
    }).observe(canvas('cells'));
    document.addEventListener('visibilitychange', say);
  }

  #show(pictures: readonly Picture[]): void {
    this.#view.show(pictures);
    this.#setSpeed();
    const { picture, census } = this.#view;
    if (!picture || !census) return;
    this.#guide.watch(picture.step, census.agreement === 1);
    const lowest = Math.floor((picture.positions.at(-1) ?? 0) / picture.size);
    if (lowest > HINT_ROW * picture.size) this.#hideHint(); // it would cover cells
  }

  /** The cells are slow at first, and after an experiment has changed them. */
  #setSpeed(): void {
    const speed = stepsAFrame(this.#settings.get('speed'));
    const slow = speed === 1 && this.session.cells.steps < this.#slowUntil;
    this.session.speed = slow ? SLOW_SPEED : speed;
    this.#controls.setSlow(slow);
  }

  #slowDown(): void {
    this.#slowUntil = this.session.cells.steps + SLOW_STEPS;
  }

  #try(work: Promise<void>): void {
    work.then(clearError, showError);
  }

  /** Makes an edit that undo can take back. */
  #edit(kind: MarkKind, change: (cells: Colony) => void): void {
    this.#guide.leave();
    showNotice('');
    this.session.edit((cells) => {
      change(cells);
      this.#view.mark(kind);
    });
    if (kind === 'impostors') this.#address.impostorsChanged();
    else if (kind !== 'reset') this.#address.drawingChanged();
  }

  /** Puts a drawing onto the canvas, with fresh states and without impostors. */
  #put(drawing: (cells: Colony) => Float32Array): void {
    this.#edit('reset', (cells) => {
      cells.impostors = NOWHERE;
      cells.mutate(drawing(cells));
      cells.reset();
    });
  }

  #hideHint(): void {
    element('draw-here', HTMLParagraphElement).hidden = true;
  }

  #draws(begins: boolean, marks: boolean): void {
    if (begins) {
      this.#guide.leave();
      this.#view.mark(marks ? 'impostors' : 'drawing');
      this.#hideHint();
    }
    if (marks) this.#address.impostorsChanged();
    else this.#address.drawingChanged();
  }

  #mutate(label: number): void {
    const { samples } = this.#loaded;
    const sample = this.#next[label]++ % samples.perDigit;
    this.#edit('mutation', (cells) => cells.mutate(samples.one(label, sample, cells.size)));
    this.#address.sampleShown(label, sample);
  }

  #fill(): void {
    const { samples } = this.#loaded;
    this.#edit('mutation', (cells) => {
      cells.impostors = NOWHERE;
      cells.mutate(samples.many(cells.size, this.#next.length, this.#random));
    });
  }

  /** Shrinks a piece that is much larger than a digit to a digit's size; its cells start again. */
  #shrink(): void {
    const { tooLarge, picture } = this.#view;
    if (!tooLarge || !picture) return;
    const { piece, cells } = tooLarge;
    const gray = shrunk(picture.gray, picture.size, cells, piece);
    this.#edit('mutation', (colony) => {
      colony.forget(cells);
      colony.mark(cells, false);
      colony.mutate(gray);
    });
  }

  #beginExperiment({ models, lies, drawing, then }: Experiment): void {
    const settings = this.#settings;
    const [model = settings.get('model'), beside = ''] = models ?? [];
    settings.set('model', model);
    settings.set('beside', beside);
    if (lies) {
      this.#impostors.ready().catch((error: unknown) => {
        this.#guide.leave();
        showError(error);
      });
    }
    this.#put((cells) => drawing(this.#loaded.samples, cells));
    this.#address.drawingChanged();
    this.#slowUntil = then ? 0 : SLOW_STEPS; // with a `then`, the cells are slow after it instead
    settings.set('play', 'yes');
  }

  /** Does what a changed setting asks for. */
  #follow(key: Key): void {
    const settings = this.#settings;
    const { session } = this;
    switch (key) {
      case 'play':
        session.playing = settings.get('play') === 'yes';
        break;
      case 'speed':
        this.#slowUntil = 0;
        this.#setSpeed();
        break;
      case 'fire':
      case 'noise':
      case 'beside':
      case 'backend':
        this.#running.follow(key);
        break;
      case 'model':
        this.#guide.leave();
        this.#running.follow(key);
        this.#impostors.check();
        if (settings.get('impostors') !== '') this.#address.impostorsChanged();
        break;
      case 'tool':
        this.#impostors.check();
        break;
      case 'size':
        session.change((cells) => cells.resize(settings.get('size'))).catch(showError);
        if (settings.get('cells') !== '') this.#address.drawingChanged();
        else if (settings.get('impostors') !== '') this.#address.impostorsChanged();
        break;
      case 'hue':
      case 'palette':
      case 'theme':
        this.#view.recolour();
        break;
      case 'view':
      case 'channel':
        this.#view.refresh();
        break;
    }
  }
}
