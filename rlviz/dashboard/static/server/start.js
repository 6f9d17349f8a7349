/** The page of a server of its own: nobody calls render(), as TensorBoard does. */

import { render } from "./index.js";

render();
