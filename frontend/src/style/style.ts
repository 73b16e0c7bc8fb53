// All of the page's styles, in the order in which later ones may change earlier ones.

import examples from './examples.css';
import matrices from './matrices.css';
import page from './page.css';
import panel from './panel.css';
import small from './small.css';
import steps from './steps.css';

export const style = page + matrices + panel + examples + steps + small;
