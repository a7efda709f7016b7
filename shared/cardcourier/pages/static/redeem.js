// Makes the page handier. Without this file everything still works.
(() => {
  "use strict";

  const text = document.body.dataset;
  const live = document.getElementById("live");
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const inWeChat = /MicroMessenger/i.test(navigator.userAgent);

  function say(message) {
    live.textContent = "";
    setTimeout(() => { live.textContent = message; }, 60);
  }

  // The answer to a POST stands under an address that cannot be read again; reloading should show the masked page.
  const order = document.querySelector("main.order");
  const home = order && new URL(order.dataset.page, location.href);
  if (home && home.pathname !== location.pathname) history.replaceState(null, "", home.href);

  // Copying: the clipboard, then the old command, then selected text to hold a finger on.

  async function put(value) {
    try {
      await navigator.clipboard.writeText(value);
      return true;
    } catch (refused) {
      return putTheOldWay(value);
    }
  }

  function putTheOldWay(value) {
    const before = document.activeElement;
    const area = document.createElement("textarea");
    area.value = value;
    area.readOnly = true;
    area.className = "offscreen";
    document.body.appendChild(area);
    area.select();
    area.setSelectionRange(0, value.length);
    let done = false;
    try {
      done = document.execCommand("copy");
    } catch (refused) {
      done = false;
    }
    area.remove();
    if (before && before.focus) before.focus();
    return done;
  }

  function select(node) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const selection = getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
  }

  function praise(button) {
    const label = button.querySelector("span");
    const before = button.dataset.before || label.textContent;
    button.dataset.before = before;
    label.textContent = text.copied;
    button.classList.add("is-done");
    clearTimeout(button.timer);
    button.timer = setTimeout(() => {
      label.textContent = before;
      button.classList.remove("is-done");
    }, 2500);
    say(text.copied);
  }

  all("[data-copy]").forEach((button) => {
    const output = document.getElementById(button.dataset.copy);
    button.hidden = false;
    button.addEventListener("click", async () => {
      if (await put(output.textContent)) return praise(button);
      select(output);
      button.querySelector("span").textContent = text.byHand;
      say(text.byHand);
    });
  });

  all("[data-copy-all]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const cards = all(".voucher").map((card) =>
        Array.from(card.querySelectorAll("output"), (output) => output.textContent).join("\t"));
      if (await put(cards.filter(Boolean).join("\n"))) return praise(button);
      button.querySelector("span").textContent = text.oneByOne;
      say(text.oneByOne);
    });
  });

  // Printing; WeChat's browser cannot, and may refuse to open other sites.

  all("[data-print]").forEach((button) => {
    button.hidden = inWeChat;
    button.addEventListener("click", () => window.print());
  });
  all("[data-today]").forEach((line) => {
    line.textContent = `${line.dataset.today} ${new Date().toLocaleDateString(document.documentElement.lang)}`;
  });
  all(".wechat").forEach((hint) => { hint.hidden = !inWeChat; });

  // One press, one reveal.

  all("form.reveal").forEach((form) => {
    const button = form.querySelector("button");
    const label = button.textContent;
    form.addEventListener("submit", (event) => {
      if (button.getAttribute("aria-busy")) return event.preventDefault();
      button.setAttribute("aria-busy", "true");
      button.textContent = text.revealing;
    });
    const rest = () => {
      button.removeAttribute("aria-busy");
      button.textContent = label;
    };
    addEventListener("pageshow", rest);
    if (!("download" in form.dataset)) return;
    // A file leaves this page standing. WeChat's browser cannot keep one, so that nothing is fetched there.
    form.addEventListener("submit", () => setTimeout(rest, 4000));
    button.hidden = inWeChat;
  });

  // Cards that are shown at once: asked for by POST, when somebody looks, and not by going back.

  all("form[data-opens-itself]").forEach((form) => {
    const [entry] = performance.getEntriesByType("navigation");
    if (entry && entry.type === "back_forward") return;
    const open = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", open);
      form.requestSubmit ? form.requestSubmit() : form.submit();
    };
    document.addEventListener("visibilitychange", open);
    open();
  });

  // Covered until tapped, from those who look over a shoulder.

  all("output[data-cover]").forEach((output) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "textual uncover";
    const turn = (covered) => {
      output.classList.toggle("covered", covered);
      button.setAttribute("aria-pressed", String(!covered));
      button.textContent = covered ? text.uncover : text.cover;
    };
    button.setAttribute("aria-controls", output.id);
    button.addEventListener("click", () => turn(!output.classList.contains("covered")));
    output.after(button);
    turn(true);
  });

  // Reporting a problem without losing the codes on the screen.

  all("form[data-problem]").forEach((form) => {
    const button = form.querySelector("button");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.setAttribute("aria-busy", "true");
      try {
        const answer = await fetch(form.action, {
          method: "POST",
          headers: { Accept: "application/json" },
          body: new URLSearchParams(new FormData(form)),
        });
        if (!answer.ok) throw new Error(String(answer.status));
        show(form, "good", form.dataset.sent);
        form.hidden = true;
      } catch (failed) {
        show(form, "bad", text.problemFailed);
      }
      button.removeAttribute("aria-busy");
    });
  });

  function show(form, kind, message) {
    let note = form.parentNode.querySelector(".note");
    if (!note) note = form.parentNode.appendChild(document.createElement("p"));
    note.className = `note ${kind}`;
    note.textContent = message;
    say(message);
  }

  // A presale counts down to the second, by the clock of this device.

  const waits = all("[data-release-at]").map((line) => ({
    line,
    clock: line.querySelector(".clock"),
    at: Number(line.dataset.releaseAt),
  }));

  function tick() {
    const now = Date.now();
    const open = waits.filter((wait) => {
      const seconds = Math.ceil((wait.at - now) / 1000);
      wait.line.hidden = false;
      wait.clock.textContent = seconds > 0 ? remaining(seconds) : text.countdownDone;
      return seconds > 0;
    });
    if (open.length < waits.length) lookSoon();
    if (open.length) setTimeout(tick, Math.min(...open.map((wait) => (wait.at - now) % 1000 || 1000)));
  }

  function remaining(seconds) {
    const two = (number) => String(number).padStart(2, "0");
    const days = Math.floor(seconds / 86400);
    const clock = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map((part) => two(Math.floor(part))).join(":");
    return days ? `${text.days.replace("#", String(days))} ${clock}` : clock;
  }

  // While something is still to come, ask now and then whether it is there.

  const awaited = order && "awaited" in order.dataset;
  let pause = 15000;
  let next = 0;
  let asked = 0;

  function lookLater() {
    clearTimeout(next);
    if (asked < 60) next = setTimeout(look, pause);
    pause = Math.min(pause * 1.5, 120000);
  }

  let soon = false;
  function lookSoon() {
    if (soon || !awaited) return;
    soon = true;
    pause = 2000;
    lookLater();
  }

  async function look() {
    if (document.hidden) return lookLater();
    asked += 1;
    try {
      const answer = await fetch(home.href, { headers: { Accept: "application/json" }, cache: "no-store" });
      const now = await answer.json();
      if (now.delivered > Number(order.dataset.delivered)) return arrived();
    } catch (unreachable) {
      // The next look may find it.
    }
    lookLater();
  }

  function arrived() {
    const busy = "revealed" in order.dataset || document.querySelector("input:focus, details[open]");
    if (!busy) return location.reload();
    document.querySelector(".arrived").hidden = false;
    say(text.arrived);
  }

  if (waits.length) tick();
  if (awaited && (!waits.length || document.querySelector(".is-waiting"))) lookLater();
})();
