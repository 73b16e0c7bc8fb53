// Builds the bundle, and beside it the licenses of what is in it: they ask to go with every copy.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { build, transformSync } from 'esbuild';

const output = '../tb_confmat_plugin/static';

/** Styles are texts in the bundle, and as short as the rest of it. */
const styles = {
  name: 'styles',
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, ({ path }) => ({
      contents: transformSync(readFileSync(path, 'utf8'), { loader: 'css', minify: true, target: 'es2022' }).code,
      loader: 'text',
    }));
  },
};

/** Each color scheme of d3-scale-chromatic is made by calls when the module is loaded: as pure ones, those that nobody uses are left out. */
const schemes = {
  name: 'schemes',
  setup({ onLoad }) {
    onLoad({ filter: /d3-scale-chromatic\.mjs$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8')
        .replace(/^(var [\w$]+ = )(new Array[^;]+);/gm, '$1/* @__PURE__ */ (() => $2)();')
        .replace(/^(var [\w$]+ = )(?=[\w$]+\()/gm, '$1/* @__PURE__ */ ')
        .replace(/(?<=[(,] ?)(?=(?:colors|cubehelix\$1)\()/g, '/* @__PURE__ */ '),
    }));
  },
};

/** d3-zoom ends transitions that it began, and here it begins none: what would run them is left out. */
const transitions = {
  name: 'transitions',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^d3-transition$/ }, () => ({ path: 'none', namespace: 'transitions' }));
    onLoad({ filter: /./, namespace: 'transitions' }, () => ({ contents: 'export const interrupt = () => {};' }));
  },
};

const { metafile } = await build({
  entryPoints: ['src/index.tsx'],
  outfile: `${output}/index.js`,
  bundle: true,
  format: 'esm',
  minify: true,
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'inline',
  metafile: true,
  preserveSymlinks: true, // the same bundle where node_modules is a link
  plugins: [styles, schemes, transitions],
  logLevel: 'warning',
});

const inputs = Object.keys(metafile.inputs);
const packages = [...new Set(inputs.flatMap((path) => path.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []))].sort();
const texts = packages.map((name) => {
  const folder = `node_modules/${name}`;
  const { version, license } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'));
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (!file) throw new Error(`${name} has no license file; find its terms before it is bundled`);
  return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`;
});
const head = 'index.js contains these packages, each under its own license.';
writeFileSync(`${output}/LICENSES.txt`, `${head}\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`);
