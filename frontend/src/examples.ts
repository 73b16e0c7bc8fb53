// The mirror of tb_confmat_plugin/example_record.py, which specifies the layout: the examples of one step.

import { opened, RecordError, wholeNumber } from './record';

/** A sample that was kept for a cell. Texts and ids are as they were logged: never markup. */
export interface Example {
  readonly trueClass: number;
  readonly predictedClass: number;
  /** The pack and the name of its image; null where it has none. */
  readonly image: { readonly pack: string; readonly name: string } | null;
  /** Why it has none, though it should. */
  readonly noImage: string | null;
  readonly id: string | null;
  readonly text: string | null;
  /** The probability that the model gave the predicted class, and the true class. */
  readonly confidence: number | null;
  readonly trueConfidence: number | null;
}

export interface ExampleCell {
  readonly trueClass: number;
  readonly predictedClass: number;
  readonly examples: readonly Example[];
  /** How many samples there were; null where nobody counted. */
  readonly seen: number | null;
}

export interface StepExamples {
  readonly numClasses: number;
  readonly classesId: string | null;
  readonly cells: readonly ExampleCell[];
}

const MAX_CLASSES = 94_906_265;
const MOST_EXAMPLES = 1000;
const MAX_BYTES = 16 * 2 ** 20;
const NAME = /^[0-9a-f]{16}$/;
const isName = (value: unknown) => typeof value === 'string' && NAME.test(value);

export async function decodeExamples(record: Uint8Array): Promise<StepExamples> {
  const { header } = await opened(record, 'examples', MAX_BYTES);
  const numClasses = wholeNumber(header, 'num_classes', 1, MAX_CLASSES);
  const packs = header.packs ?? [];
  if (!Array.isArray(packs) || !packs.every(isName)) {
    throw new RecordError('damaged record: packs that are no names');
  }
  const cells = cellsOf(header.cells, numClasses);
  const count = cells.reduce((sum, [, , kept]) => sum + kept, 0);
  if (count > MOST_EXAMPLES)
    throw new RecordError(`damaged record: ${count} examples, expected at most ${MOST_EXAMPLES} among its cells`);
  const column = <T>(name: string, isOne: (value: unknown) => boolean): readonly (T | null)[] => {
    const values = header[name] ?? Array(count).fill(null);
    if (!Array.isArray(values) || values.length !== count || !values.every((value) => value === null || isOne(value))) {
      throw new RecordError(`damaged record: ${name} that do not fit`);
    }
    return values;
  };
  const isText = (value: unknown) => typeof value === 'string';
  const isShare = (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1;
  const isImage = (value: unknown) =>
    isText(value) ||
    (Array.isArray(value) &&
      value.length === 2 &&
      Number.isInteger(value[0]) &&
      packs[value[0]] !== undefined &&
      isName(value[1]));
  const images = column<string | [number, string]>('images', isImage);
  const ids = column<string>('ids', isText);
  const texts = column<string>('texts', isText);
  const confidences = column<number>('confidences', isShare);
  const trueConfidences = column<number>('true_confidences', isShare);
  let next = 0;
  return {
    numClasses,
    classesId: typeof header.classes === 'string' ? header.classes : null,
    cells: cells.map(([trueClass, predictedClass, kept, seen]) => {
      const examples = Array.from({ length: kept }, (): Example => {
        const i = next++;
        const image = images[i];
        return {
          trueClass,
          predictedClass,
          image: Array.isArray(image) ? { pack: packs[image[0]], name: image[1] } : null,
          noImage: typeof image === 'string' ? image : null,
          id: ids[i],
          text: texts[i],
          confidence: confidences[i],
          trueConfidence: trueConfidences[i],
        };
      });
      return { trueClass, predictedClass, examples, seen };
    }),
  };
}

type RawCell = [trueClass: number, predictedClass: number, kept: number, seen: number | null];

function cellsOf(cells: unknown, numClasses: number): RawCell[] {
  const isIndex = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < numClasses;
  const isCell = (cell: unknown): cell is RawCell => {
    if (!Array.isArray(cell) || cell.length !== 4 || !isIndex(cell[0]) || !isIndex(cell[1])) return false;
    const [, , kept, seen] = cell;
    return (
      Number.isInteger(kept) && kept >= 1 && kept <= MOST_EXAMPLES && (seen === null || (Number.isInteger(seen) && seen >= kept))
    );
  };
  if (!Array.isArray(cells) || !cells.every(isCell)) throw new RecordError('damaged record: a cell that is none among its cells');
  const inOrder = cells.every(
    (cell, i) => i === 0 || cells[i - 1][0] < cell[0] || (cells[i - 1][0] === cell[0] && cells[i - 1][1] < cell[1]),
  );
  if (!inOrder) throw new RecordError('damaged record: its cells are not in order');
  return cells;
}
