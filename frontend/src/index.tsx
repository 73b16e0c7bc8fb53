// What TensorBoard loads into the tab: it calls render() once. A page that holds its log calls nothing.

import { render as mount } from 'preact';
import chartStyle from 'uplot/dist/uPlot.min.css';
import { embedded } from './embedded';
import { followChoices } from './follow';
import { canMark, followExamples } from './gallery';
import { onDarkMode, onReload, runFilter } from './host';
import { followLink } from './link';
import { refresh } from './loading';
import { dark, panelTab, view } from './look';
import { rememberSettings } from './settings';
import { runPattern, tags } from './state';
import { style } from './style/style';
import { App } from './views/app';

export function render(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(chartStyle + style);
  document.adoptedStyleSheets = [sheet];
  document.documentElement.lang = 'en';
  document.title = 'Confusion Matrix';
  onDarkMode((isDark) => {
    dark.value = isDark;
    document.documentElement.classList.toggle('dark', isDark);
  });
  rememberSettings();
  runPattern.value = runFilter();
  followChoices();
  followExamples(() => view.value === 'gallery' || panelTab.value === 'cell' || (view.value === 'matrix' && canMark.value));
  mount(<App />, document.body);
  followLink().then(() => {
    if (tags.value === null) refresh();
    if (!embedded) onReload(refresh);
  });
}

if (embedded) render();
