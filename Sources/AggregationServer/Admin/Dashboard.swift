/// The dashboard: one page, its script, style and icon, all from this listener. Text from elsewhere is only ever
/// set as text.
enum Dashboard {
    /// The page. Without the script it says what is missing.
    static let page = """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Sordino</title>
        <link rel="icon" type="image/svg+xml" href="/dashboard.svg">
        <link rel="stylesheet" href="/dashboard.css">
        <script src="/dashboard.js" defer></script>
        </head>
        <body>
        <header>
        <h1>Sordino</h1><p id="task"></p>
        <p id="moment" hidden>As of <time id="as-of"></time></p>
        <p id="who" hidden><span id="name"></span> <button id="logout" class="plain">Log out</button></p>
        </header>
        <noscript><p>This page needs its script; the same figures are under /api/status.</p></noscript>
        <p id="problem" role="alert" hidden></p>
        <form id="login" class="card" hidden>
        <label for="token">Admin token</label>
        <input id="token" type="password" autocomplete="current-password" required>
        <button>Log in</button>
        </form>
        <main id="content" hidden>
        <p id="expiries" role="alert" hidden></p>
        <section class="card" id="service" hidden><h2>Runs <small id="runs-count"></small></h2>
        <p id="runs-hint"></p>
        <div class="scroll" tabindex="0" role="region" aria-label="Runs"><table id="runs"></table></div></section>
        <div class="grid">
        <section class="card" id="registry-card" hidden><h2>Registry of models</h2>
        <div class="scroll short" tabindex="0" role="region" aria-label="Registry of models"><table id="registry"></table></div></section>
        <section class="card" id="people-card" hidden><h2>People</h2>
        <div class="scroll short" tabindex="0" role="region" aria-label="People"><table id="people"></table></div></section>
        </div>
        <div id="run" class="panels">
        <section class="card" aria-label="Current round">
        <div class="row"><h2 id="round"></h2>
        <span id="state" class="pill"></span><span id="live" class="pill"></span>
        <span id="actions" hidden><button data-action="pause" hidden>Pause</button>
        <button data-action="resume" hidden>Resume</button>
        <button data-action="stop" class="danger" hidden>Stop for good</button></span></div>
        <p id="ended" hidden></p>
        <p id="trouble" role="alert" hidden></p>
        <ol id="stages"></ol>
        <div id="cohort"></div><p id="cohort-text"></p>
        <label>Rounds published <span id="rounds-done"></span>
        <progress id="progress" max="1" value="0"></progress></label>
        </section>
        <section aria-label="Figures"><dl id="figures"></dl></section>
        <section class="grid" id="charts" aria-label="Charts over time"></section>
        <div class="grid">
        <section class="card"><h2>Plan</h2><dl id="plan" class="list pairs"></dl></section>
        <section class="card"><h2>Last events <small>since the server started</small></h2>
        <div class="scroll short" tabindex="0" role="region" aria-label="Last events"><ul id="events"></ul></div></section>
        <section class="card"><h2>Expiries</h2><div class="scroll short" tabindex="0" role="region"
        aria-label="Expiries"><table id="expiry"></table></div>
        <p class="hint">Enrolment tokens are the authority’s: it alone knows them and when they end.</p></section>
        </div>
        <section class="card"><h2>Agents <small id="agents-count"></small></h2>
        <div class="scroll" tabindex="0" role="region" aria-label="Agents"><table id="agents"></table></div></section>
        <div class="grid">
        <section class="card"><h2>Failures by reason</h2><div id="failures"></div></section>
        <section class="card"><h2>Privacy ledger</h2><dl id="ledger" class="list"></dl></section>
        <section class="card"><h2>Models</h2>
        <div class="scroll short" tabindex="0" role="region" aria-label="Models"><table id="models"></table></div></section>
        </div>
        <section class="card"><h2>Rounds <small id="rounds-count"></small></h2>
        <div class="scroll" tabindex="0" role="region" aria-label="Rounds"><table id="rounds"></table></div></section>
        </div>
        </main>
        </body>
        </html>
        """

    /// Its icon: a muted string.
    static let icon = """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f6f8b"/>
        <path d="M2 8q3-7 6 0t6 0" fill="none" stroke="#fff" stroke-width="1.6"/></svg>
        """

    /// Its script.
    static let script =
        DashboardDrawing.script + DashboardPanels.script + DashboardRuns.script
        + DashboardControl.script
}
