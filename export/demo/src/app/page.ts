/**
 * The page: what its controls and settings do to the cells.
 */

import { Cells } from '../engine/cells';
import type { Rule } from '../engine/model';
import { Random } from '../engine/random';
import { copyLink, saveFilm, savePictureOf } from './capture';
import { type Controls, stepsAFrame } from './controls';
import { decode } from './drawing_code';
import { button, canvas, element, select, slider } from './elements';
import { type Loaded, listModels, OPEN_FOLDER } from './loading';
import { clearError, showError } from './messages';
import { Pen } from './pointer';
import { Session } from './session';
import { type Key, type Settings, SIZES, type Values } from './settings';
import type { View } from './view';

type MarkKind = Parameters<View['mark']>[0];

/** The cells, and everything that can be done with them. */
export class Page {
  readonly session: Session;
  readonly #view: View;
  readonly #settings: Settings;
  readonly #controls: Controls;
  readonly #loaded: Loaded;
  readonly #random = new Random();
  /** What the cells run with; the settings may be ahead of it. */
  readonly #inUse: Pick<Values, 'model' | 'backend'>;
  /** Of each label, which sample comes next. */
  readonly #next: number[];

  constructor(settings: Settings, controls: Controls, view: View, loaded: Loaded) {
    this.#settings = settings;
    this.#controls = controls;
    this.#view = view;
    this.#loaded = loaded;
    this.#inUse = { model: settings.get('model'), backend: settings.get('backend') };
    this.#next = new Array<number>(loaded.model.manifest.classes).fill(0);
    this.session = new Session(new Cells(loaded.model, settings.get('size')), {
      picture: (picture) => view.show(picture),
      rate: (rate) => {
        element('rate', HTMLSpanElement).textContent = rate.toFixed(rate < 10 ? 1 : 0);
      },
      error: (error) => {
        settings.set('play', 'no');
        showError(error);
      },
    });
  }

  /** Puts the first digit onto the canvas and lets the cells run. */
  async start(): Promise<void> {
    select('model').value = this.#inUse.model;
    this.#useModel(this.#loaded.model);
    this.#settings.onChange((key) => this.#follow(key));
    for (const key of ['fire', 'noise', 'speed', 'play'] as const) this.#follow(key);
    this.#listen();
    const gray = (await this.#linkedDrawing()) ?? this.#linkedDigit();
    this.session.change((cells) => cells.mutate(gray)).catch(showError);
    this.session.start();
  }

  /** The drawing that the address carries. */
  async #linkedDrawing(): Promise<Float32Array | undefined> {
    const code = this.#settings.get('cells');
    const gray = code === '' ? undefined : await decode(code);
    const size = SIZES.find((size) => size * size === gray?.length);
    if (size) this.#settings.set('size', size);
    return size ? gray : undefined;
  }

  /** The digit that the address names, else any. */
  #linkedDigit(): Float32Array {
    const [label, sample] = this.#settings.get('digit').split('-');
    const digit = label ? Number(label) : this.#random.below(this.#next.length);
    this.#next[digit] = Number(sample ?? 0) + 1;
    return this.#loaded.samples.one(digit, Number(sample ?? 0), this.#settings.get('size'));
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
      this.#edit('reset', (cells) => {
        cells.mutate(new Float32Array(cells.size ** 2));
        cells.reset();
      });
      this.#forgetLink();
    });
    button('undo').addEventListener('click', () => {
      session.undo().then(() => this.#view.mark('drawing'), showError);
    });
    this.#next.forEach((_, label) => {
      button(`digit-${label}`).addEventListener('click', () => this.#mutate(label));
    });
    button('fill').addEventListener('click', () => this.#fill());
    button('save-picture').addEventListener('click', () => this.#try(savePictureOf(this.#view)));
    button('save-film').addEventListener('click', () => this.#try(saveFilm(this.#view)));
    button('copy-link').addEventListener('click', () => this.#try(copyLink(settings, this.#view)));
    select('model').addEventListener('change', () => this.#pickModel());
    slider('folder').addEventListener('change', () => this.#openFolder());
    new Pen(
      canvas('cells'),
      session,
      settings,
      () => {
        this.#view.mark('drawing');
        this.#forgetLink();
      },
      (ring) => this.#view.showRing(ring),
    );
    this.#pauseOutOfSight();
    window.addEventListener('hashchange', () => settings.follow(location.hash));
  }

  #pauseOutOfSight(): void {
    let onScreen = true;
    const tell = (): void => {
      this.session.inSight = onScreen && !document.hidden;
    };
    new IntersectionObserver((entries) => {
      onScreen = entries.at(-1)!.isIntersecting;
      tell();
    }).observe(canvas('cells'));
    document.addEventListener('visibilitychange', tell);
  }

  #try(work: Promise<void>): void {
    work.then(clearError, showError);
  }

  /** Does something that undo takes back. */
  #edit(kind: MarkKind, change: (cells: Cells) => void): void {
    this.session.edit((cells) => {
      change(cells);
      this.#view.mark(kind);
    });
    if (kind !== 'reset') this.#forgetLink();
  }

  /** The address no longer tells what is on the canvas. */
  #forgetLink(): void {
    this.#settings.set('cells', '');
    this.#settings.set('digit', '');
  }

  #mutate(label: number): void {
    const { samples } = this.#loaded;
    const sample = this.#next[label]++ % samples.perDigit;
    this.#edit('mutation', (cells) => cells.mutate(samples.one(label, sample, cells.size)));
    this.#settings.set('digit', `${label}-${sample}`);
  }

  #fill(): void {
    const { samples } = this.#loaded;
    this.#edit('mutation', (cells) => {
      cells.mutate(samples.many(cells.size, this.#next.length, this.#random));
    });
  }

  /** Does what a changed setting asks for, and keeps the address up to date. */
  #follow(key: Key): void {
    const settings = this.#settings;
    const { session } = this;
    const hash = settings.hash();
    if (hash !== location.hash) history.replaceState(null, '', hash || location.pathname);
    switch (key) {
      case 'play':
        session.playing = settings.get('play') === 'yes';
        break;
      case 'speed':
        session.speed = stepsAFrame(settings.get('speed'));
        break;
      case 'fire':
      case 'noise':
        this.#setRandomness(session.cells);
        break;
      case 'size':
        session.change((cells) => cells.resize(settings.get('size'))).catch(showError);
        break;
      case 'model':
        this.#changeModel();
        break;
      case 'backend':
        this.#changeBackend();
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

  #setRandomness(cells: Cells): void {
    const { fireRate, residualNoise } = cells.model.manifest;
    cells.fireRate = this.#settings.get('fire') ?? fireRate;
    cells.noise = this.#settings.get('noise') ?? residualNoise;
  }

  /** Makes controls and view show a model that the cells already use. */
  #useModel({ manifest }: Rule): void {
    this.#controls.setOwn(manifest.fireRate, manifest.residualNoise);
    this.#setRandomness(this.session.cells);
    this.#view.useModel(manifest);
  }

  #changeModel(): void {
    const name = this.#settings.get('model');
    select('model').value = name;
    const changed = this.session.change(async (cells) => {
      if (name === this.#inUse.model) return;
      const model = await this.#loaded.catalogue.model(name);
      cells.useModel(model);
      this.#inUse.model = name;
      clearError();
      this.#useModel(model);
      this.#view.mark('model');
    });
    this.#tryChoice(changed, 'model');
  }

  #changeBackend(): void {
    const { backends, catalogue } = this.#loaded;
    const backend = this.#settings.get('backend');
    const changed = this.session.change(async (cells) => {
      if (backend === this.#inUse.backend) return;
      await cells.move(async () => {
        await backends.prepare(backend);
        return catalogue.reload(this.#inUse.model);
      });
      this.#inUse.backend = backend;
      clearError();
    });
    this.#tryChoice(changed, 'backend');
  }

  /** If the cells can't follow a choice, the choice goes back to what they use. */
  #tryChoice(work: Promise<void>, key: 'model' | 'backend'): void {
    work.catch((error: unknown) => {
      this.#settings.set(key, this.#inUse[key]);
      showError(error);
    });
  }

  #pickModel(): void {
    const choice = select('model');
    if (choice.value !== OPEN_FOLDER) {
      this.#settings.set('model', choice.value);
      return;
    }
    choice.value = this.#settings.get('model');
    slider('folder').click();
  }

  #openFolder(): void {
    const files = [...(slider('folder').files ?? [])];
    slider('folder').value = ''; // so that the same folder may be picked again
    if (files.length === 0) return;
    const { catalogue } = this.#loaded;
    const added = catalogue.add(files).then(async (name) => {
      await listModels(catalogue);
      this.#settings.set('model', name);
    });
    this.#try(added);
  }
}
