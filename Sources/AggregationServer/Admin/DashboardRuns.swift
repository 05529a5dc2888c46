/// The part of the dashboard's script that shows the runs of a service that takes tasks in, and which of them the other panels
/// are about; it stands before ``DashboardControl``, whose functions it calls.
enum DashboardRuns {
    /// The text.
    static let script = #"""
        // The run that the panels show; null on a server of one task, and where none is at work.
        let chosen = null;
        let isService = false;
        const base = () => chosen ? "/api/runs/" + chosen + "/" : "/api/";

        function forgetRuns() { chosen = null; isService = false; }

        function choose(run) {
          if (chosen === run) return;
          chosen = run;
          latest = null;
          listen();
          later();
        }

        // Fills the table of runs. Whether one is at work whose panels can be shown.
        async function refreshRuns(mine) {
          isService = mine.service === true;
          byId("service").hidden = !isService;
          if (!isService) return true;
          const list = await get("/api/runs", mine);
          const active = list.filter((run) => run.state === "active");
          if (!active.some((run) => run.run === chosen)) choose(active.length > 0 ? active[0].run : null);
          byId("runs-count").textContent = active.length + " at work, "
            + list.filter((run) => run.state === "queued").length + " waiting";
          byId("runs-hint").textContent = list.length === 0
            ? "No run has been submitted yet: sordino runs submit." : "";
          fill("runs", ["Name", "State", "Rounds", "Accuracy", "ε", "Submitted by", "Submitted", "Note", "Panels"],
            list.map((run) => [
              run.name, run.state, run.rounds_published + (isNumber(run.rounds) ? " of " + run.rounds : ""),
              isNumber(run.accuracy) ? number(run.accuracy) : "–", isNumber(run.epsilon) ? number(run.epsilon) : "–",
              run.submitted_by, moment(run.submitted), run.reason || "", panelButton(run),
            ]));
          return chosen !== null;
        }

        // Who may come in, and what was published, for those who may know; neither changes often.
        async function refreshPeople() {
          const mine = session;
          if (!mine) return;
          const may = (scope) => (mine.scopes || []).includes(scope);
          try {
            if (may("models:read")) showRegistry(await get("/api/registry", mine));
            if (may("people:manage")) showPeople(await get("/api/tokens", mine));
          } catch (error) { /* The question for the runs says what is wrong. */ }
        }

        function showRegistry(answer) {
          const rows = answer.tasks.flatMap((task) => task.versions.slice(-20).reverse().map((version) => [
            task.task, version.version,
            Object.keys(task.labels).filter((label) => task.labels[label] === version.version).join(", "),
            isNumber(version.figures.accuracy) ? number(version.figures.accuracy) : "–",
            isNumber(version.epsilon) ? number(version.epsilon) : "–", version.round,
          ]));
          byId("registry-card").hidden = rows.length === 0;
          fill("registry", ["Task", "Version", "Labels", "Accuracy", "ε", "Round"], rows);
        }

        function showPeople(answer) {
          byId("people-card").hidden = answer.length === 0;
          fill("people", ["Name", "Role", "Scopes", "Ends"], answer.map((token) => [
            token.name, token.role, (token.scopes || []).join(", "),
            isNumber(token.expires) ? moment(token.expires) : "never",
          ]));
        }

        function panelButton(run) {
          if (run.state !== "active") return "";
          const button = element("button", run.run === chosen ? "shown" : "show", "plain");
          button.setAttribute("aria-pressed", String(run.run === chosen));
          button.setAttribute("aria-label", "Show the panels of " + run.name);
          button.addEventListener("click", () => choose(run.run));
          return button;
        }

        """#
}
