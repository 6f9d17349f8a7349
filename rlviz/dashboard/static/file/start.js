/** The page as a file: it begins at once, because everything is in it. */

import { account, fetchRuns } from "./api.js";
import { element } from "./elements.js";
import { Page } from "./page.js";

new Page(document.body).start(fetchRuns());
document.body.append(element("p", { class: "account" }, account));
