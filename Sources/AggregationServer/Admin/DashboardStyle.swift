/// The dashboard's style: one column on a phone, cards beside each other on a screen, dark where the system is.
enum DashboardStyle {
    /// The text.
    static let sheet = """
        :root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --ink: #17202a; --soft: #5b6672;
          --line: #dde2e7; --accent: #1f6f8b; --good: #2e7d4f; --warn: #a15c00; --bad: #b3261e; }
        @media (prefers-color-scheme: dark) { :root { --back: #12161b; --card: #1b2127; --ink: #e6eaee;
          --soft: #9aa6b2; --line: #313a43; --accent: #5cb3d1; --good: #63c18b; --warn: #e0a050; --bad: #f2867e; } }
        * { box-sizing: border-box; }
        [hidden] { display: none !important; }
        body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 76rem;
          background: var(--back); color: var(--ink); }
        header { display: flex; flex-wrap: wrap; gap: .2rem 1rem; align-items: baseline; margin-bottom: .8rem; }
        header p { margin: 0; color: var(--soft); overflow-wrap: anywhere; } #who { margin-left: auto; }
        h1 { font-size: 1.25rem; margin: 0; } h2 { font-size: 1rem; margin: 0; } small { color: var(--soft); }
        main, .panels { display: grid; gap: .8rem; grid-template-columns: minmax(0, 1fr); }
        .card, #figures > div, figure { background: var(--card); border: 1px solid var(--line);
          border-radius: .5rem; padding: .8rem 1rem; margin: 0; min-width: 0; }
        .card > h2 { margin-bottom: .5rem; }
        .row { display: flex; flex-wrap: wrap; gap: .4rem .6rem; align-items: center; }
        .row h2 { font-size: 1.15rem; } #actions { margin-left: auto; }
        .pill { border: 1px solid currentColor; border-radius: 1rem; padding: 0 .6rem; font-size: .85rem;
          color: var(--soft); }
        .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
        .grid { display: grid; gap: .8rem;
          grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); }
        #figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.2rem, 1fr)); gap: .5rem;
          margin: 0; }
        #figures > div { padding: .5rem .8rem; }
        dt { font-size: .8rem; color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        #figures dd { font-size: 1.1rem; font-variant-numeric: tabular-nums; }
        .list { margin: 0; display: grid; gap: .4rem; }
        .pairs { grid-template-columns: repeat(auto-fit, minmax(min(9rem, 100%), 1fr)); gap: .5rem .8rem; }
        #ended { margin: .4rem 0 0; color: var(--soft); } .hint { margin: .5rem 0 0; font-size: .8rem;
          color: var(--soft); }
        #events { list-style: none; margin: 0; padding: 0; font-size: .88rem; }
        #events li { display: grid; grid-template-columns: auto 5.5rem 1fr; gap: .6rem; padding: .2rem 0;
          overflow-wrap: anywhere; border-bottom: 1px solid var(--line); }
        #events time { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
        #events li:last-child { border-bottom: 0; } .tag { font-size: .8rem; }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
        ol { list-style: none; display: flex; flex-wrap: wrap; gap: .3rem; padding: 0; margin: .7rem 0; }
        ol li { padding: .1rem .6rem; border-radius: .3rem; background: var(--back); color: var(--soft);
          font-size: .85rem; }
        ol li[aria-current] { background: var(--accent); color: var(--card); font-weight: 600; }
        label { color: var(--soft); font-size: .85rem; } #cohort-text { margin: .2rem 0 .6rem; font-size: .9rem; }
        progress { display: block; width: 100%; height: .5rem; accent-color: var(--accent); }
        button, input { font: inherit; padding: .4rem .8rem; border: 1px solid var(--line); border-radius: .4rem;
          background: var(--card); color: var(--ink); }
        button { cursor: pointer; } button:hover { border-color: var(--accent); }
        button:disabled { opacity: .45; cursor: default; border-color: var(--line); }
        button.danger { color: var(--bad); } button.plain { padding: 0 .5rem; font-size: .85rem;
          white-space: nowrap; }
        #login { display: flex; flex-wrap: wrap; gap: .6rem; align-items: center; }
        #login input { flex: 1 1 12rem; min-width: 0; }
        #problem, #trouble, #expiries { color: var(--bad); border: 1px solid var(--bad); border-radius: .5rem; padding: .5rem .8rem;
          margin: 0 0 .8rem; background: var(--card); }
        .scroll { overflow: auto; max-height: 28rem; } .short { max-height: 15rem; }
        table { border-collapse: collapse; width: 100%; font-size: .88rem; font-variant-numeric: tabular-nums; }
        th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid var(--line);
          vertical-align: top; overflow-wrap: break-word; max-width: 26rem; }
        th { color: var(--soft); font-weight: 500; white-space: nowrap; } tr:last-child td { border-bottom: 0; }
        td:first-child { white-space: nowrap; } td a { color: var(--accent); } code { font-size: .8rem; overflow-wrap: anywhere; }
        figcaption { display: flex; justify-content: space-between; font-weight: 600; }
        figcaption span { font-weight: 400; color: var(--soft); }
        svg { width: 100%; display: block; } svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
        .axis { stroke: var(--line); stroke-width: 1; } .bound { stroke: var(--bad); stroke-dasharray: 5 4; }
        .curve { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
        .hit { fill: transparent; } .hit:hover { fill: var(--accent); fill-opacity: .35; }
        .dot { fill: var(--accent); } .bar { fill: var(--bad); } .reported { fill: var(--good); }
        .gave-up { fill: var(--bad); } .waiting { fill: var(--line); }
        @media (max-width: 40rem) {
          body { padding: .6rem; } #who { margin-left: 0; }
          #actions { margin-left: 0; width: 100%; display: flex; gap: .4rem; }
          #actions button { flex: 1; padding: .5rem .2rem; }
          #agents tr, #rounds tr { display: grid; grid-template-columns: 1fr 1fr; gap: .1rem .8rem; padding: .5rem 0;
            border-bottom: 1px solid var(--line); }
          #agents tr:first-child, #rounds tr:first-child { display: none; }
          #agents td, #rounds td { border: 0; padding: 0; overflow-wrap: anywhere; }
          #agents td::before, #rounds td::before { content: attr(data-name); display: block; font-size: .75rem;
            color: var(--soft); }
        }
        """
}
