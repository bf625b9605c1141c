/** The theme: changed at once, and told to the server, which puts it into the next page before anything is drawn. */

import { consoleHeaders } from "../api/client";

export function listenToTheme(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (!form.matches("[data-theme-form]")) return;
    const values = new FormData(form, event.submitter);
    const theme = values.get("theme");
    if (typeof theme !== "string") return;
    event.preventDefault();
    document.documentElement.dataset.theme = theme;
    for (const button of form.querySelectorAll<HTMLButtonElement>("button[name='theme']")) {
      button.setAttribute("aria-pressed", String(button.value === theme));
    }
    const body = new URLSearchParams([...values].map(([name, value]) => [name, String(value)]));
    void fetch(form.action, { method: "POST", body, headers: consoleHeaders(), redirect: "manual" });
  });
}
