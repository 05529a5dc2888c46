/// The part of the dashboard's script that asks and acts; it stands behind ``DashboardPanels``, which shows the answers.
enum DashboardControl {
    /// The text.
    static let script = #"""
        let session = null;
        let source = null;
        let latest = null;
        let due = null;
        let asking = false;
        let failing = false;

        function complain(text) { byId("problem").textContent = text; byId("problem").hidden = text === ""; }

        // `mine` is the session that asks: an answer that comes after its end says nothing of the next one.
        async function get(path, mine) {
          const answer = await fetch(path, { credentials: "same-origin", cache: "no-store" });
          if (answer.status === 401) {
            if (mine && session === mine) {
              leave();
              complain("The session has ended. Please log in.");
            }
            throw new Error("The server does not know the session.");
          }
          if (!answer.ok) throw new Error(await words(answer));
          return answer.json();
        }

        // What went wrong on the way to an answer.
        const trouble = (error) => error instanceof TypeError ? "The server does not answer." : error.message;

        // What the server says for itself, else its status.
        async function words(answer) {
          try {
            const { detail } = await answer.json();
            if (detail) return "The server says: " + detail + ".";
          } catch (error) { /* No JSON. */ }
          return "The server answers " + answer.status + ".";
        }

        function leave() {
          session = null;
          latest = null;
          forgetRuns();
          if (source) source.close();
          source = null;
          clearTimeout(due);
          due = null;
          byId("login").hidden = false;
          byId("content").hidden = true;
          byId("who").hidden = true;
          byId("moment").hidden = true;
        }

        async function act(action) {
          complain("");
          try {
            const answer = await fetch(base() + action, {
              method: "POST", credentials: "same-origin", headers: { "X-CSRF-Token": session.csrf || "" },
            });
            if (!answer.ok) complain(action + ": " + await words(answer));
          } catch (error) { complain(action + ": " + trouble(error)); }
          await refresh();
        }

        // One question at a time; whoever asks meanwhile is served by the next.
        async function refresh() {
          if (!session) return;
          if (asking) { later(); return; }
          const mine = session;
          asking = true;
          try {
            const isShown = await refreshRuns(mine);
            if (session !== mine) return;
            byId("run").hidden = !isShown;
            if (isShown) {
              const view = await get(base() + "dashboard", mine);
              if (session !== mine) return;
              show(view);
            }
            if (failing) complain("");
            failing = false;
          } catch (error) {
            // The message of a session that has ended must not stand in the way of the next one's.
            if (session !== mine) return;
            failing = true;
            complain(trouble(error));
          } finally { asking = false; }
        }
        function later() {
          if (due === null) due = setTimeout(() => { due = null; refresh(); }, 500);
        }

        function listen() {
          if (source) source.close();
          const live = byId("live");
          if (isService && !chosen) { source = null; live.textContent = ""; return; }
          source = new EventSource(base() + "events");
          source.addEventListener("status", later);
          source.onerror = () => { live.textContent = "connecting again"; live.className = "pill warn"; };
          source.onopen = () => {
            live.textContent = "live";
            live.className = "pill good";
            refresh();
          };
        }

        async function begin() {
          session = await get("/api/session", null);
          byId("name").textContent = session.name + " (" + session.role + ")";
          byId("who").hidden = false;
          byId("login").hidden = true;
          byId("content").hidden = false;
          byId("actions").hidden = session.role !== "operator";
          complain("");
          await refresh();
          listen();
          refreshPeople();
        }

        byId("login").addEventListener("submit", async (event) => {
          event.preventDefault();
          const token = byId("token").value;
          byId("token").value = "";
          try {
            const answer = await fetch("/login", { method: "POST", credentials: "same-origin", body: token });
            if (answer.ok) await begin();
            else {
              complain(answer.status === 401 ? "Not logged in: " + await words(answer) : await words(answer));
              byId("token").focus();
            }
          } catch (error) { complain("Not logged in: " + trouble(error)); }
        });
        byId("logout").addEventListener("click", async () => {
          const { csrf } = session;
          // First of all: whatever is still on its way is of no session any more.
          session = null;
          if (source) source.close();
          complain("");
          try {
            const answer = await fetch("/api/logout", { method: "POST", credentials: "same-origin",
              headers: { "X-CSRF-Token": csrf || "" } });
            if (!answer.ok) complain("Not logged out: " + await words(answer));
          } catch (error) { complain("Not logged out: " + trouble(error)); }
          // Only now: the answer takes the cookie away, which must not be that of the next session.
          leave();
        });
        for (const button of document.querySelectorAll("[data-action]")) {
          button.addEventListener("click", () => {
            const action = button.dataset.action;
            if (action !== "stop" || confirm("End the run after the open round, for good?")) act(action);
          });
        }
        // The deadline moves on by itself; the figures stay those of their moment.
        setInterval(() => { if (session && latest) showRound(latest.status); }, 1000);
        setInterval(refreshPeople, 15000);
        // Runs come and go without a round of the one that is shown.
        setInterval(() => { if (session && isService) later(); }, 5000);
        begin().catch(() => {});
        """#
}
