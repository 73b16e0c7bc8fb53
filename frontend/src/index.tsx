// What TensorBoard loads into the tab: it calls render() once.

import { render as mount } from 'preact';
import { onDarkMode, onReload, runFilter } from './host';
import { rememberSettings } from './settings';
import { dark, refresh, runPattern } from './state';
import style from './style.css';
import { App } from './views/app';

export function render(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [sheet];
  document.documentElement.lang = 'en';
  document.title = 'Confusion Matrix';
  onDarkMode((isDark) => {
    dark.value = isDark;
    document.documentElement.classList.toggle('dark', isDark);
  });
  rememberSettings();
  runPattern.value = runFilter();
  mount(<App />, document.body);
  refresh();
  onReload(refresh);
}
