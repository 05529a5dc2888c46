/// The half of the dashboard's script that asks, shows and acts; it stands behind ``DashboardDrawing``, whose functions it calls.
enum DashboardControl {
    /// The text.
    static let script = #"""
        const stages = [
          ["idle", "Waiting for agents"], ["collecting", "Collecting"], ["summing", "Summing"],
          ["charging", "Charging the ledger"], ["noising", "Noise"], ["settling", "Settling"],
          ["publishing", "Publishing"],
        ];
        const mostRows = 200;
        let session = null;
        let source = null;
        let latest = null;
        let due = null;

        function complain(text) { byId("problem").textContent = text; byId("problem").hidden = text === ""; }

        async function get(path) {
          const answer = await fetch(path, { credentials: "same-origin", cache: "no-store" });
          if (answer.status === 401) { leave(); throw new Error("Please log in."); }
          if (!answer.ok) throw new Error("The server answers " + answer.status + ".");
          return answer.json();
        }

        function leave() {
          session = null;
          if (source) source.close();
          source = null;
          byId("login").hidden = false;
          byId("content").hidden = true;
          byId("who").hidden = true;
        }

        function showState(status) {
          const state = byId("state");
          state.textContent = status.finished ? "finished: " + status.finished : status.stopping
            ? "stopping" : status.state;
          state.className = "pill " + (status.finished ? "" : status.state !== "active"
            || status.stopping ? "warn" : "good");
          byId("trouble").hidden = !status.trouble;
          byId("trouble").textContent = (status.trouble || "")
            + (status.next_attempt && !status.finished
              ? "; next attempt in " + span(Math.max(0, status.next_attempt - Date.now() / 1000)) : "");
          for (const button of document.querySelectorAll("[data-action]")) {
            const action = button.dataset.action;
            button.disabled = !!status.finished || (action === "stop" && status.stopping)
              || (action === "pause" && (status.state === "paused" || status.stopping))
              || (action === "resume" && status.state !== "paused" && status.state !== "stalled");
          }
        }

        function showRound(status) {
          const open = status.open;
          byId("round").textContent = status.finished ? "Run finished" : open ? "Round " + open.round
            : "Between rounds";
          const current = status.finished ? null : open ? open.stage : "idle";
          byId("stages").replaceChildren(...stages.map(([key, name]) => {
            const item = element("li", name);
            if (key === current) item.setAttribute("aria-current", "step");
            return item;
          }));
          const cohort = byId("cohort");
          if (open) {
            const waiting = Math.max(0, open.invited - open.reported - open.gave_up);
            cohort.replaceChildren(parts([["reported", open.reported], ["gave-up", open.gave_up],
              ["waiting", waiting]],
              "progress of the cohort"));
            const left = open.deadline - Date.now() / 1000;
            byId("cohort-text").textContent = open.reported + " of " + open.invited + " reported, "
              + open.gave_up +
              " gave up, at least " + status.minimum_reports + " needed; " +
              (left > 0 ? "deadline in " + span(left) : "deadline passed");
          } else {
            cohort.replaceChildren();
            byId("cohort-text").textContent = status.finished ? "" :
              status.agents_present + " agents are here; a round needs " + status.minimum_reports
                + " and asks " + status.cohort_size + ".";
          }
          byId("rounds-done").textContent = status.rounds_published + " of " + status.rounds_planned;
          byId("progress").value = status.rounds_published / status.rounds_planned;
        }

        function showExpiries(list) {
          const near = (list || []).filter((item) => item.level !== "ok");
          byId("expiries").hidden = near.length === 0;
          byId("expiries").textContent = near.map((item) => item.text).join("; ");
        }

        function showStatus(status) {
          latest = status;
          showExpiries(status.expiries);
          byId("task").textContent = status.task + " · run " + status.run.slice(0, 8) + " · version "
            + status.version;
          showState(status);
          showRound(status);
          const isPrivate = status.privacy_mode !== "none";
          define("figures", [
            ["Accuracy", number(status.accuracy)], ["Loss", number(status.loss)],
            ["ε spent", isPrivate ? number(status.epsilon) : "no privacy"],
            ["ε allowed", isNumber(status.target_epsilon) ? number(status.target_epsilon, 2) : "–"],
            ["ε against the server", isPrivate && isNumber(status.epsilon_server)
              ? number(status.epsilon_server) : "unbounded"],
            ["ε against members", isPrivate && isNumber(status.epsilon_members)
              ? number(status.epsilon_members) : "unbounded"],
            ...(isNumber(status.epsilon_example) ? [["ε of a record", number(status.epsilon_example)]] : []),
            ["Privacy", status.privacy_mode + (isPrivate ? ", δ " + Number(status.delta).toExponential() : "")],
            ["Agents here", status.agents_present + " of " + status.agents_known],
            ["Storage", status.healthy ? "good" : "failing", status.healthy ? "good" : "bad"],
          ]);
        }

        function showRounds(rounds) {
          const series = (key) => rounds.filter((round) => isNumber(round[key])).map((round) =>
            [round.round, round[key]]);
          const target = latest && latest.target_epsilon;
          byId("charts").replaceChildren(chart("Accuracy", series("accuracy"), 4), chart("Loss",
            series("loss"), 4),
            chart("ε over rounds", series("epsilon"), 4, target));
          byId("rounds-count").textContent = rounds.length > 100 ? "the last 100" : "";
          fill("rounds", ["Round", "State", "Reports", "Failures", "Accuracy", "Loss", "ε", "Took",
            "Received"],
            rounds.slice(-100).reverse().map((round) => [
              String(round.round), round.abandoned ? "abandoned: " + round.abandoned : round.state,
              round.clients_reported + " of " + round.clients_selected,
              Object.entries(round.failures).map(([reason, count]) => reason + " " + count).join(", ")
                || "–",
              number(round.accuracy), number(round.loss), number(round.epsilon), number(round.seconds,
                1) + " s",
              size(round.bytes_up)]));
          const totals = {};
          for (const round of rounds) {
            for (const [reason, count] of Object.entries(round.failures)) {
              totals[reason] = (totals[reason] || 0) + count;
            }
            if (round.abandoned) totals["round abandoned"] = (totals["round abandoned"] || 0) + 1;
          }
          const all = Object.entries(totals).sort((one, other) => other[1] - one[1]);
          const most = all.length ? all[0][1] : 1;
          byId("failures").replaceChildren(...(all.length ? all.map(([reason, count]) => {
            const line = element("div");
            line.append(element("span", reason + ": " + count), parts([["bar", count], ["waiting",
              most - count]], reason));
            return line;
          }) : [element("p", "None in the rounds shown.")]));
        }

        function showAgents(agents) {
          const soon = Date.now() / 1000 + 7 * 86400;
          const shown = agents.slice().sort((one, other) => (other.last_seen || 0) - (one.last_seen
            || 0)).slice(0, mostRows);
          byId("agents-count").textContent = agents.length > shown.length
            ? "the " + mostRows + " seen last, of " + agents.length : String(agents.length);
          fill("agents", ["Agent", "Last seen", "Version", "Certificate ends", "Reports", "Failures",
            "Last outcome", "Access"],
            shown.map((agent) => {
              const expiry = moment(agent.certificate_expires);
              if (agent.certificate_expires && agent.certificate_expires < soon) expiry.className = "warn";
              let access = element("span", agent.revoked ? "shut out" : "allowed", agent.revoked ? "bad"
                : "");
              if (!agent.revoked && session && session.role === "operator") {
                access = element("button", "Shut out", "plain danger");
                access.addEventListener("click", () => {
                  if (confirm("Shut out " + agent.name + "?")) act("agents/" + Number(agent.id)
                    + "/revoke");
                });
              }
              return [agent.name, moment(agent.last_seen), agent.software || "–", expiry,
                String(agent.reports),
                String(agent.failures), agent.last_outcome || "–", access];
            }));
        }

        function showModels(models) {
          fill("models", ["Model", "Size"], models.slice().reverse().map((model) => {
            const link = element("a", model.round ? "after round " + model.round : "initial");
            link.href = "/api/models/" + Number(model.round);
            return [link, size(model.bytes)];
          }));
        }

        function showLedger(ledger) {
          define("ledger", [["Lines", String(ledger.lines)], ["Rounds charged",
            String(ledger.rounds_charged)],
            ["ε spent", latest && latest.privacy_mode === "none" ? "nothing is charged without privacy"
              : number(latest && latest.epsilon)],
            ["Head, to keep elsewhere", element("code", ledger.head)]]);
        }

        async function act(action) {
          complain("");
          const answer = await fetch("/api/" + action, {
            method: "POST", credentials: "same-origin", headers: { "X-CSRF-Token": session.csrf || "" },
          });
          if (!answer.ok) complain(action + ": the server answers " + answer.status + ".");
          await refresh();
        }

        async function refresh() {
          if (!session) return;
          try {
            showStatus(await get("/api/status"));
            showRounds(await get("/api/rounds"));
            showAgents(await get("/api/agents"));
            showModels(await get("/api/models"));
            showLedger(await get("/api/ledger"));
          } catch (error) { complain(error.message); }
        }

        function listen() {
          if (source) source.close();
          const live = byId("live");
          source = new EventSource("/api/events");
          source.addEventListener("status", (event) => {
            showStatus(JSON.parse(event.data));
            if (due === null) due = setTimeout(() => { due = null; refresh(); }, 500);
          });
          source.onerror = () => { live.textContent = "connecting again"; live.className = "pill warn"; };
          source.onopen = () => {
            live.textContent = "live";
            live.className = "pill good";
            complain("");
            refresh();
          };
        }

        async function begin() {
          session = await get("/api/session");
          byId("name").textContent = session.name + " (" + session.role + ")";
          byId("who").hidden = false;
          byId("login").hidden = true;
          byId("content").hidden = false;
          byId("actions").hidden = session.role !== "operator";
          complain("");
          listen();
        }

        byId("login").addEventListener("submit", async (event) => {
          event.preventDefault();
          const answer = await fetch("/login", { method: "POST", credentials: "same-origin",
            body: byId("token").value });
          byId("token").value = "";
          if (answer.ok) begin().catch((error) => complain(error.message));
          else complain("This token is not known.");
        });
        byId("logout").addEventListener("click", async () => {
          await fetch("/api/logout", { method: "POST", credentials: "same-origin",
            headers: { "X-CSRF-Token": session.csrf || "" } });
          leave();
          complain("");
        });
        for (const button of document.querySelectorAll("[data-action]")) {
          button.addEventListener("click", () => {
            const action = button.dataset.action;
            if (action !== "stop" || confirm("End the run after the open round, for good?")) act(action);
          });
        }
        // The deadline and the ages of things move on by themselves.
        setInterval(() => { if (session && latest) showRound(latest); }, 1000);
        begin().catch(() => {});
        """#
}
