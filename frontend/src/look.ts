import { batch, computed, signal } from '@preact/signals';
import type { Ranking } from './confusions';
import type { Extent, Normalize } from './matrix';
import type { WholeName } from './metrics';
import { divergingRamps, type PaletteName, paletteOf } from './palette';
import type { ColorScale } from './scale';

export type View = 'matrix' | 'compare' | 'difference' | 'timeline' | 'gallery';
export type PanelTab = 'summary' | 'classes' | 'confusions' | 'cell';
/** Which classes the table of all classes lists. */
export type ClassFilter = 'all' | 'never-seen' | 'never-predicted';
export const CLASS_COLUMNS = ['name', 'support', 'predicted', 'precision', 'recall', 'f1'] as const;
export type ClassColumn = (typeof CLASS_COLUMNS)[number];
export type ColorRange = 'auto' | 'steps' | 'fixed';

export const view = signal<View>('matrix');
export const panelTab = signal<PanelTab>('summary');
export const ranking = signal<Ranking>('count');
export const classFilter = signal<ClassFilter>('all');
export const classSorting = signal<{ readonly column: ClassColumn | null; readonly down: boolean }>({
  column: null,
  down: false,
});
export const isWide = signal(false);
export const metric = signal<WholeName>('f1_macro');
export const normalize = signal<Normalize>('counts');
export const color = signal<ColorScale>('linear');
export const paletteName = signal<PaletteName>('blue-orange');
export const dark = signal(false);
export const range = signal<ColorRange>('auto');
/** A color range that is held, of values in one normalization. */
export const fixedExtent = signal<(Extent & { readonly of: Normalize }) | null>(null);
export const barScale = signal<'shared' | 'row'>('shared');
export const hideDiagonal = signal(false);
export const hideBelow = signal(0);

export const palette = computed(() => paletteOf(paletteName.value, dark.value));
export const diverging = computed(() => divergingRamps(dark.value));

/** Chooses a view; beside differences their ranked list is of use. */
export function chooseView(next: View): void {
  batch(() => {
    view.value = next;
    if (next !== 'difference') return;
    panelTab.value = 'confusions';
    ranking.value = 'change';
  });
}
