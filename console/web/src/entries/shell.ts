/** What every page of the console runs. */

import "../styles/index.css";
import { keepTimesTrue } from "../shell/ago";
import { listenToSmallButtons } from "../shell/copying";
import { askBeforeActing } from "../shell/dialogs";
import { boundForms, guardText, sendOnce } from "../shell/forms";
import { startHtmx } from "../shell/htmx";
import { listenToKeys } from "../shell/keys";
import { followLive } from "../shell/live";
import { listenToTheme } from "../shell/theme";

startHtmx();
askBeforeActing();
listenToKeys();
listenToTheme();
listenToSmallButtons();
boundForms();
sendOnce();
guardText();
keepTimesTrue();
followLive();
