// Where a token is pasted, and forgotten again.

import { byId, showFault } from "./dom.js";
import { keepToken, readToken } from "./session.js";

/** `changed` is called after a token was pasted or forgotten. */
export class TokenForm {
  constructor(changed) {
    this.form = byId("token-form");
    this.form.onsubmit = (event) => {
      event.preventDefault();
      keepToken(byId("token").value.trim());
      byId("token").value = "";
      this.hide();
      changed();
    };
    byId("forget").onclick = () => {
      keepToken("");
      changed();
    };
    this.hide();
  }

  /** Ask for a token; `why` says what was wrong with the one before. */
  ask(why) {
    keepToken("");
    this.form.hidden = false;
    byId("forget").hidden = true;
    showFault(byId("token-error"), why);
    byId("token").focus();
  }

  hide() {
    this.form.hidden = true;
    byId("forget").hidden = !readToken();
  }
}
