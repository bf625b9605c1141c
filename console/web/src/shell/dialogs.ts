/** Questions before something is destroyed, and the list of keys: native dialogs, which keep the focus inside themselves. */

const confirmed = new WeakSet<Element>();

/** Ask before a click on anything with `data-confirm` takes effect. */
export function askBeforeActing(): void {
  document.addEventListener(
    "click",
    (event) => {
      const element = (event.target as Element).closest<HTMLElement>("[data-confirm]");
      if (element === null || confirmed.delete(element)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      void confirm({
        question: element.dataset.confirm ?? "",
        detail: element.dataset.confirmDetail ?? "",
        action: element.dataset.confirmAction ?? element.textContent.trim(),
      }).then((isWanted) => {
        if (!isWanted || !element.isConnected) return;
        confirmed.add(element);
        element.click();
      });
    },
    { capture: true },
  );
}

export interface Question {
  readonly question: string;
  readonly detail?: string;
  /** What the button says that does it, such as "Cancel run". */
  readonly action: string;
}

/** Whether the reader wants it. */
export function confirm({ question, detail = "", action }: Question): Promise<boolean> {
  const dialog = makeDialog("dialog");
  const heading = make("h2", {}, question);
  heading.id = "dialog-question";
  dialog.setAttribute("aria-labelledby", heading.id);
  const no = make("button", { className: "button", value: "no" }, "Keep as it is");
  const yes = make("button", { className: "button button--danger", value: "yes" }, action);
  const form = make("form", { method: "dialog" }, heading, ...(detail ? [make("p", {}, detail)] : []));
  form.append(make("div", { className: "actions" }, no, yes));
  dialog.append(form);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
  });
}

/** A dialog on the page that Escape and a click beside it close. It is not open yet. */
export function makeDialog(className: string): HTMLDialogElement {
  const dialog = make("dialog", { className });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  return dialog;
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Partial<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
