/** What the page needs on which a pipeline is written as plain text. */

import { numberLines } from "../shell/numbering";

numberLines();
