/// The part of the dashboard's script that fills its panels, all from one answer of the server; it stands behind
/// ``DashboardDrawing``, whose functions it calls.
enum DashboardPanels {
    /// The text.
    static let script = #"""
        const stages = [
          ["idle", "Waiting for agents"], ["collecting", "Collecting"], ["summing", "Summing"],
          ["charging", "Charging the ledger"], ["noising", "Noise"], ["settling", "Settling"],
          ["publishing", "Publishing"],
        ];
        function showState(status) {
          const state = byId("state");
          state.textContent = status.finished ? "finished: " + status.finished : status.stopping
            ? "stopping" : status.state;
          state.className = "pill " + (status.finished ? "" : status.state !== "active"
            || status.stopping ? "warn" : "good");
          byId("trouble").hidden = !status.trouble;
          byId("trouble").textContent = (status.trouble || "")
            + (status.next_attempt && !status.finished
              ? "; next attempt in " + span(Math.max(0, status.next_attempt - now())) : "");
          // Only what would do something is offered.
          const works = {
            pause: !status.finished && !status.stopping && status.state !== "paused",
            resume: !status.finished && (status.state === "paused" || status.state === "stalled"),
            stop: !status.finished && !status.stopping,
          };
          for (const button of document.querySelectorAll("[data-action]")) {
            button.hidden = !works[button.dataset.action];
          }
          byId("ended").hidden = !status.finished && !status.stopping;
          byId("ended").textContent = status.finished
            ? "The run has ended; there is nothing left to pause, resume or stop."
            : status.stopping ? "The run ends after the open round." : "";
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
            const left = open.deadline - now();
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
          showExpiries(status.expiries);
          byId("task").textContent = status.task + " · run " + status.run.slice(0, 8) + " · version "
            + status.version;
          showState(status);
          showRound(status);
          const isPrivate = status.privacy_mode !== "none";
          define("figures", [
            ...(isNumber(status.rmse) ? [["RMSE", short(status.rmse)], ["MAE", short(status.mae)],
              ["R²", number(status.r2)]] : [["Accuracy", number(status.accuracy)]]),
            ["Loss", number(status.loss)],
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

        function showRounds(rounds, status) {
          const series = (key) => rounds.filter((round) => isNumber(round[key])).map((round) =>
            [round.round, round.opened + (isNumber(round.seconds) ? round.seconds : 0), round[key]]);
          const hasErrors = rounds.some((round) => isNumber(round.rmse));
          byId("charts").replaceChildren(
            ...(hasErrors ? [chart("RMSE", series("rmse")), chart("R²", series("r2"), 4)]
              : [chart("Accuracy", series("accuracy"), 4)]),
            chart("Loss", series("loss"), 4),
            ...(status.privacy_mode === "none" ? []
              : [chart("ε spent", series("epsilon"), 4, status.target_epsilon)]));
          byId("rounds-count").textContent = rounds.length > 100 ? "the last 100" : "";
          fill("rounds", ["Round", "Opened", "State", "Reports", "Failures", hasErrors ? "RMSE" : "Accuracy",
            "Loss", "ε", "Took", "Received"],
            rounds.slice(-100).reverse().map((round) => [
              String(round.round), isNumber(round.opened) ? hour(round.opened, now()) : "–", round.abandoned ? "abandoned: " + round.abandoned : round.state,
              round.clients_reported + " of " + round.clients_selected,
              Object.entries(round.failures).map(([reason, count]) => reason + " " + count).join(", ")
                || "–",
              hasErrors ? short(round.rmse) : number(round.accuracy), number(round.loss), number(round.epsilon), number(round.seconds,
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

        function showAgents(agents, status) {
          const soon = now() + 7 * 86400;
          byId("agents-count").textContent = agents.length < status.agents_known
            ? "the " + agents.length + " seen last, of " + status.agents_known : String(agents.length);
          fill("agents", ["Agent", "Last seen", "Version", "Certificate ends", "Reports", "Failures",
            "Last outcome", "Access"],
            agents.map((agent) => {
              const expiry = moment(agent.certificate_expires);
              if (agent.certificate_expires && agent.certificate_expires < soon) expiry.className = "warn";
              let access = element("span", agent.revoked ? "shut out" : "allowed", agent.revoked ? "bad"
                : "");
              if (!agent.revoked && !status.finished && session && session.role === "operator") {
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

        // What a ledger was is kept in this browser, where no backup of the server puts it back: a shorter one, or
        // another of the same length, has gone back, and what it spent since can be spent again.
        function toldBefore(place) {
          try { return JSON.parse(localStorage.getItem(place)); } catch (error) { return null; }
        }
        function goneBack(ledger, place) {
          const told = toldBefore(place);
          if (told && (ledger.lines < told.lines
            || (ledger.lines === told.lines && ledger.head !== told.head))) return told;
          try {
            localStorage.setItem(place, JSON.stringify({ lines: ledger.lines, head: ledger.head }));
          } catch (error) { return null; }
          return null;
        }
        function ledgerAlarm(told, place) {
          const box = element("span", "this browser saw " + told.lines + " lines with the head "
            + told.head.slice(0, 12) + "…; find out what was restored, and why. ", "bad");
          const button = element("button", "I know why");
          button.type = "button";
          button.addEventListener("click", () => {
            try { localStorage.removeItem(place); } catch (error) { return; }
            box.remove();
          });
          box.append(button);
          return box;
        }

        function showLedger(ledger, status) {
          if (!ledger) {
            define("ledger", [["State", "cannot be read: see the log", "bad"]]);
            return;
          }
          const place = "sordino-ledger-" + status.run;
          const told = goneBack(ledger, place);
          const alarm = told ? [["The ledger has gone back", ledgerAlarm(told, place)]] : [];
          define("ledger", [...alarm, ["Lines", String(ledger.lines)], ["Rounds charged",
            String(ledger.rounds_charged)],
            ["ε spent", status.privacy_mode === "none" ? "nothing is charged without privacy"
              : number(status.epsilon)],
            ["Head, to keep elsewhere", element("code", ledger.head)]]);
        }

        function showPlan(plan) {
          const isPrivate = plan.privacy_mode !== "none";
          define("plan", [
            ["Task", plan.task], ["Rounds", String(plan.rounds)],
            ["Cohort", plan.cohort_size + " of " + plan.population + " agents, at least "
              + plan.minimum_reports + " reports within " + span(plan.report_deadline)],
            ["Training", plan.strategy + ", " + plan.local_epochs + (plan.local_epochs === 1 ? " epoch"
              : " epochs") + " at each agent, " + plan.parameters.toLocaleString("en") + " parameters"],
            ["Privacy mode", plan.privacy_mode + (plan.masked ? ", updates masked" : "")],
            ...(isPrivate ? [
              ["ε budget", isNumber(plan.target_epsilon) ? number(plan.target_epsilon, 2) + " at δ "
                + Number(plan.delta).toExponential() : "none set"],
              ["Noise", plan.mechanism + ", multiplier " + short(plan.noise_multiplier) + ", clipping norm "
                + short(plan.clipping_norm)],
              ["Sampling, adjacency", plan.sampling + ", " + plan.adjacency],
            ] : []),
            ["Evaluation", plan.holdout === "none" ? "none" : plan.holdout + " hold-out, every "
              + (plan.evaluate_every === 1 ? "round" : plan.evaluate_every + " rounds")],
          ]);
        }

        function showEvents(events) {
          const signs = { join: "good", publication: "good", drop: "warn", refusal: "warn",
            warning: "bad" };
          byId("events").replaceChildren(...(events.length ? events.map((event) => {
            const line = element("li");
            const time = element("time", hour(event.time, now()));
            time.dateTime = new Date(event.time * 1000).toISOString();
            line.append(time, element("span", event.kind, "tag " + (signs[event.kind] || "")),
              element("span", (!event.round ? event.text : event.text.startsWith("round ")
                ? "round " + event.round + event.text.slice(5) : "round " + event.round + ": " + event.text)
                + (event.count > 1 ? " (" + event.count + " times)" : "")));
            return line;
          }) : [element("li", "Nothing yet.")]));
        }

        // All of the server's, then the agents' certificates that end first.
        function showExpiryTable(list, agents) {
          const rows = list.map((item) => {
            const end = moment(item.not_after);
            if (item.level !== "ok") end.className = item.level === "notice" ? "warn" : "bad";
            return [item.name, end];
          });
          const ending = agents.filter((agent) => !agent.revoked && isNumber(agent.certificate_expires))
            .sort((one, other) => one.certificate_expires - other.certificate_expires);
          for (const agent of ending.slice(0, 5)) {
            rows.push(["agent " + agent.name, moment(agent.certificate_expires)]);
          }
          fill("expiry", ["What", "Ends"], rows.length ? rows : [["nothing that expires", ""]]);
        }

        // Every panel from one answer of the server: no figure is of another moment than its neighbour.
        function show(view) {
          clock = { at: view.at, read: performance.now() };
          latest = view;
          byId("moment").hidden = false;
          byId("as-of").textContent = hour(view.at, Date.now() / 1000);
          byId("as-of").dateTime = new Date(view.at * 1000).toISOString();
          showStatus(view.status);
          showRounds(view.rounds, view.status);
          showPlan(view.plan);
          showEvents(view.events);
          showExpiryTable(view.status.expiries || [], view.agents);
          showAgents(view.agents, view.status);
          showModels(view.models);
          showLedger(view.ledger, view.status);
        }

        """#
}
