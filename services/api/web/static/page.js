// Signs in, sends reviews, and shows again what is on the page whenever the server says that something was judged.
"use strict";

async function signIn(key) {
  const answer = await fetch("/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key }),
  });
  if (!answer.ok) throw new Error((await answer.json()).detail);
}

// Where to go after signing in; only ever a place of this site.
function destination() {
  const here = new URL(location.href);
  const wanted = new URL(here.searchParams.get("next") ?? (here.pathname === "/login" ? "/" : here.pathname), here);
  return wanted.origin === here.origin ? wanted.pathname + wanted.search : "/";
}

async function signInByFragment() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key === null) return false;
  history.replaceState(null, "", location.pathname + location.search);
  await signIn(key);
  location.replace(destination());
  return true;
}

function watchLogin(form) {
  const problem = document.getElementById("login-problem");
  const show = (error) => {
    problem.textContent = error.message;
    problem.hidden = false;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await signIn(form.elements.key.value.trim());
      location.replace(destination());
    } catch (error) {
      show(error);
    }
  });
  return show;
}

function watchJudgements() {
  const state = document.getElementById("live-state");
  const say = (text, isLive) => {
    state.textContent = text;
    state.classList.toggle("on", isLive);
  };
  let due = null;
  const stream = new EventSource("/api/v1/stream");
  stream.addEventListener("open", () => say("live", true));
  stream.addEventListener("error", () => {
    say(stream.readyState === EventSource.CLOSED ? "not live: reload the page" : "reconnecting", false);
  });
  stream.addEventListener("judged", () => {
    due ??= setTimeout(() => {
      due = null;
      showAgain().catch(() => say("not live: reload the page", false));
    }, 400);
  });
}

async function showAgain() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (answer.redirected) return location.reload();
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  const shown = document.getElementById("live");
  for (const opened of shown.querySelectorAll("details[open]")) {
    const same = fresh.querySelector(`#${CSS.escape(opened.id)}`);
    if (same) same.open = true;
  }
  shown.replaceWith(fresh);
}

// The buttons beside a finding: each sends what the engineer says it was and shows the page again. What was not answered
// is sent under its key again, so that it is carried out once. Withdrawn is the review that the page shows.
function watchReview(review) {
  const problem = document.getElementById("review-problem");
  let unanswered = null;
  const send = async (method, place, said) => {
    const body = said === null ? undefined : JSON.stringify(said);
    const what = [method, place, body].join(" ");
    if (unanswered?.what !== what) unanswered = { what, key: `${Date.now()}-${Math.random()}` };
    const answer = await fetch(place, {
      method,
      headers: { "Content-Type": "application/json", "Idempotency-Key": unanswered.key },
      body,
    });
    unanswered = null;
    if (!answer.ok) throw new Error((await answer.json()).detail);
  };
  const say = async (verdict) => {
    if (verdict === "withdraw") {
      const shown = document.getElementById("live").dataset.inForce;
      if (shown === undefined) throw new Error("Nothing was said of it that could be withdrawn.");
      return send("DELETE", shown, null);
    }
    const label = review.elements.label.value.trim();
    const said = { verdict, label: label === "" ? null : label, note: review.elements.note.value.trim() };
    return send("POST", review.dataset.review, said);
  };
  review.addEventListener("submit", (event) => event.preventDefault());
  for (const button of review.querySelectorAll("button")) {
    button.addEventListener("click", async () => {
      problem.hidden = true;
      try {
        await say(button.value).finally(showAgain);
      } catch (error) {
        problem.textContent = error.message;
        problem.hidden = false;
      }
    });
  }
}

const review = document.getElementById("review");
if (review) watchReview(review);
const form = document.getElementById("login");
const show = form ? watchLogin(form) : (error) => console.error(error);
signInByFragment()
  .then((leaving) => {
    if (!leaving && document.getElementById("live")) watchJudgements();
  })
  .catch(show);
