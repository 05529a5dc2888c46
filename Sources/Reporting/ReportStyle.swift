/// The style sheet of a page of figures: light and dark, wide and narrow, screen and paper.
package enum ReportStyle {
    /// The whole sheet. It holds no `<`, `&` or quotes that markup would mind.
    package static let sheet: HTML = "\(colours)\(text)\(headline)\(figures)\(tables)\(narrowAndPrint)"

    /// Colours are from the palette of Okabe and Ito, darkened or lightened until text in them is readable on
    /// the ground; they stay apart under the common forms of colour blindness.
    private static let colours: HTML = """
        :root { color-scheme: light; --ground: #fbfaf7; --card: #ffffff; --ink: #1f1f1c; --soft: #5f5e58;
          --line: #dedbd3; --grid: #ebe9e3; --plate: #f1efe9; --mark: #a33d00; --note-ground: #fdf3e4;
          --s1: #0067a5; --s2: #b84a00; --s3: #00745a; --s4: #8d3f7c; }
        @media screen and (prefers-color-scheme: dark) {
          :root { color-scheme: dark; --ground: #161718; --card: #1d1f20; --ink: #e9e7e1; --soft: #a6a49c;
            --line: #3a3c3d; --grid: #2b2d2e; --plate: #282a2b; --mark: #ff9a5c; --note-ground: #2c2419;
            --s1: #6db6ea; --s2: #ff9a5c; --s3: #4ecda3; --s4: #e0a0cd; }
        }
        .c1 { --c: var(--s1); } .c2 { --c: var(--s2); } .c3 { --c: var(--s3); } .c4 { --c: var(--s4); }

        """

    private static let text: HTML = """
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
        body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 66rem; background: var(--ground);
          color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, Segoe UI, Roboto, Liberation Sans,
            sans-serif;
          overflow-wrap: break-word; }
        h1, h2 { font-family: Charter, Iowan Old Style, Palatino Linotype, Palatino, Georgia,
          Liberation Serif, serif;
          font-weight: 600; line-height: 1.15; text-wrap: balance; }
        h1 { font-size: clamp(2rem, 5vw, 2.9rem); margin: 0 0 .6rem; letter-spacing: -.01em; }
        h2 { font-size: 1.5rem; margin: 0 0 .9rem; }
        section { margin-top: 3.25rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
        p { margin: 0 0 .9rem; max-width: 44rem; }
        .lead { font-size: 1.125rem; color: var(--ink); }
        .kicker { margin: 0 0 .35rem; color: var(--soft); font-size: .82rem; letter-spacing: .08em;
          text-transform: uppercase; }
        .note, footer { color: var(--soft); font-size: .9rem; }
        footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
        code, pre, .hash { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, Liberation Mono,
          monospace;
          font-size: .86em; }
        .hash { overflow-wrap: anywhere; }
        pre code { font-size: 1em; }
        sup { line-height: 0; }
        pre { margin: 0 0 1rem; padding: .85rem 1rem; background: var(--card); border: 1px solid var(--line);
          border-radius: 4px; white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.5; }
        .tall { max-height: 34rem; overflow: auto; }
        summary { margin: 1.25rem 0 .75rem; font-weight: 600; cursor: pointer; }
        :focus-visible { outline: 2px solid var(--s1); outline-offset: 2px; }
        .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }

        """

    private static let headline: HTML = """
        .notice { margin: 1.25rem 0; padding: .8rem 1.1rem; background: var(--note-ground);
          border-left: 4px solid var(--mark); border-radius: 0 4px 4px 0; }
        .notice p { margin: 0; }
        .warning b { color: var(--mark); }
        .tiles { display: grid; grid-template-columns: repeat(15, 1fr); gap: 1px; margin: 1.75rem 0 0;
          background: var(--line); border: 1px solid var(--line); border-radius: 4px; overflow: hidden; }
        .tile { grid-column: span 3; padding: .85rem 1rem .95rem; background: var(--card); }
        .tile.main { grid-column: span 5; }
        .tile.wide { grid-column: 1 / -1; }
        .tile dt { color: var(--soft); font-size: .84rem; }
        .tile dd { margin: .1rem 0 0; font-size: 1.4rem; line-height: 1.25;
          font-variant-numeric: tabular-nums; }
        .tile.main dd { font-size: 2.1rem; letter-spacing: -.01em; }
        .tile.wide dd { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, Liberation Mono,
          monospace;
          font-size: .86rem; overflow-wrap: anywhere; }
        .tile dd.detail, .tile.main dd.detail, .tile.wide dd.detail { margin-top: .2rem; color: var(--soft);
          font: inherit; font-size: .84rem; line-height: 1.4; letter-spacing: 0; }
        .tile.wide dd.detail { display: none; }

        """

    private static let figures: HTML = """
        .figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr));
          gap: 1.25rem; }
        body { counter-reset: figure; }
        figure { counter-increment: figure; display: flex; flex-direction: column; margin: 0;
          padding: .95rem 1.1rem .7rem; background: var(--card); border: 1px solid var(--line);
          border-radius: 4px; }
        figcaption { margin-bottom: .7rem; font-size: .92rem; line-height: 1.45; }
        figcaption::before { content: 'Figure ' counter(figure) '. '; color: var(--soft); }
        figcaption .note { font-size: inherit; }
        .legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin-top: .3rem; font-size: .84rem; }
        .legend > span { display: inline-flex; align-items: center; gap: .4rem; }
        .sign { width: 26px; height: 10px; flex: none; overflow: visible; }
        figure > svg { display: block; width: 100%; height: auto; margin-top: auto; overflow: visible; }
        svg text { font-family: system-ui, -apple-system, Segoe UI, Roboto, Liberation Sans, sans-serif;
          font-size: 10.5px; fill: var(--soft); font-variant-numeric: tabular-nums; }
        svg text.middle { text-anchor: middle; }
        svg text.end { text-anchor: end; }
        svg text.value { fill: var(--c); font-weight: 600; }
        .grid { stroke: var(--grid); fill: none; }
        .axis { stroke: var(--soft); fill: none; }
        .curve { stroke: var(--c); stroke-width: 1.8; fill: none; stroke-linejoin: round;
          stroke-linecap: round; }
        .c2 .curve { stroke-dasharray: 6 4; } .c3 .curve { stroke-dasharray: 1 4; }
        .c4 .curve { stroke-dasharray: 9 3 1 3; }
        .level { stroke-width: 1.4; }
        .dot, .tint { fill: var(--c); }
        .plate { fill: var(--plate); }
        .abandoned { stroke: var(--mark); stroke-width: 1.6; fill: none; }
        .beyond { fill: var(--mark); }
        .hit { fill: var(--ink); fill-opacity: 0; }
        .hit:hover { fill-opacity: .07; }
        .data { margin: .35rem 0 0; text-align: right; font-size: .8rem; }
        a { color: var(--s1); text-underline-offset: .15em; }

        """

    private static let tables: HTML = """
        .scroll { overflow-x: auto; max-width: 100%; margin-bottom: 1rem; }
        .picture { width: 4.5rem; height: auto; margin: .2rem .2rem .2rem 0; }
        .scroll.tall { overflow: auto; border: 1px solid var(--line); border-radius: 4px; }
        table { width: 100%; border-collapse: collapse; font-size: .92rem;
          font-variant-numeric: tabular-nums; }
        th, td { padding: .45rem .7rem; border-bottom: 1px solid var(--grid); text-align: left;
          vertical-align: top;
          font-weight: 400; }
        thead th { color: var(--soft); font-size: .84rem; white-space: nowrap;
          border-bottom: 1px solid var(--line); }
        .number { text-align: right; white-space: nowrap; }
        .strong { font-weight: 600; }
        .facts th { width: 13rem; color: var(--soft); padding-left: 0; }
        .compare th:first-child { padding-left: 0; }
        .compare tbody th { font-weight: 600; min-width: 11rem; }
        .compare small { display: block; color: var(--soft); font-weight: 400; font-size: .84rem; }
        .compare td.bar { width: 40%; min-width: 6rem; }
        .compare .bar svg { display: block; width: 100%; height: .7rem; margin-top: .42rem;
          border-radius: 2px; }
        .rounds { font-size: .86rem; background: var(--card); }
        .rounds thead th { position: sticky; top: 0; background: var(--card);
          box-shadow: 0 1px 0 var(--line); }
        .rounds th, .rounds td { padding: .3rem .75rem; }
        .rounds .lost th, .rounds .lost td { color: var(--mark); }
        .rounds .reason td { padding-top: 0; }
        .classes th:first-child, .confusion th:first-child { padding-left: 0; }
        .confusion { width: auto; }
        .confusion td, .confusion thead th.number { min-width: 2.8rem; }
        .t0 { color: var(--soft); }
        .t1 { background: color-mix(in srgb, var(--s1) 8%, transparent); }
        .t2 { background: color-mix(in srgb, var(--s1) 16%, transparent); }
        .t3 { background: color-mix(in srgb, var(--s1) 24%, transparent); }
        .t4 { background: color-mix(in srgb, var(--s1) 32%, transparent); }

        """

    private static let narrowAndPrint: HTML = """
        @media (max-width: 44rem) {
          body { padding: 1.5rem 1rem 3rem; }
          .tiles { grid-template-columns: repeat(2, 1fr); }
          .tile { grid-column: span 1; }
          .tile.main, .tile.wide { grid-column: 1 / -1; }
          .tile:nth-child(8) { grid-column: 1 / -1; }
          .facts th, .facts td { display: block; width: auto; padding-left: 0; }
          .facts th { border-bottom: 0; padding-bottom: 0; font-size: .84rem; }
          .facts td { padding-top: .1rem; }
          .compare tbody th { min-width: 8rem; }
          .compare th, .compare td { padding-left: .45rem; padding-right: .45rem; }
          figure { padding: .8rem .8rem .5rem; }
          section { margin-top: 2.25rem; }
        }
        @media print {
          @page { margin: 16mm 14mm; }
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          :root { --ground: #ffffff; }
          html { font-size: 9.5pt; }
          body { max-width: none; padding: 0; }
          .figures { grid-template-columns: 1fr 1fr; gap: .7rem; padding-right: 1px; }
          .data { display: none; }
          footer { margin-top: 1rem; break-before: avoid; }
          .tall, .scroll { max-height: none; overflow: visible; }
          figure, .tile, .notice, tr { break-inside: avoid; }
          h2, section > p:has(+ .figures) { break-after: avoid; }
          section { margin-top: 1.5rem; }
          thead { display: table-header-group; }
          .rounds thead th { position: static; }
          .rounds { font-size: 7.5pt; }
          .rounds th, .rounds td { padding: .15rem .4rem; }
          pre { font-size: 8pt; border-radius: 0; }
          details::details-content { content-visibility: visible; block-size: auto; }
        }
        """
}
