// Renews what is shown, unless somebody is typing into it.
const renew = async () => {
  const shown = document.querySelector("main");
  if (!document.hidden && !shown.querySelector("form.faults :focus")) {
    try {
      const answer = await fetch("/status");
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
      for (const section of fresh.querySelectorAll("section[id]"))
        document.getElementById(section.id)?.replaceWith(section);
      document.body.classList.remove("gone");
    } catch { document.body.classList.add("gone"); }
  }
  setTimeout(renew, 1500);
};
setTimeout(renew, 1500);
