/// The discrete Gaussian that keys and errors are drawn from: integer x with probability proportional to
/// exp(-x² / (2 · 4.5²)).
enum LatticeNoise {
    /// Its deviation.
    static let deviation = 4.5
    /// No value exceeds this: what lies beyond has probability below 2^-63.
    static let bound = 41

    /// `cumulative[x]` = 2^63 P[|X| <= x], rounded to the nearest integer, as 60-digit arithmetic gives it.
    static let cumulative: [UInt64] = [
        0x0b59_024f_ec89_eae9, 0x217d_5392_35d0_a1b2, 0x360c_f146_1059_d084, 0x4839_3dc2_9e0e_9d2e,
        0x5783_17c4_b229_fe57, 0x63c1_0f69_a9d8_6b8c, 0x6d15_a14a_518c_7a16, 0x73da_6022_7f8d_92c7,
        0x7886_cc92_ff97_5f07, 0x7b99_197c_a79d_e869, 0x7d84_f6c8_cd55_9a59, 0x7ea9_d231_0b77_c1ec,
        0x7f4f_c981_c5f1_63cf, 0x7fa9_4f7b_d96b_1f9c, 0x7fd7_45f7_270d_64f9, 0x7fed_bbff_9051_7a31,
        0x7ff8_2e87_1c6c_f567, 0x7ffc_ce99_5577_b349, 0x7ffe_c18d_e070_aaeb, 0x7fff_89ad_918d_e2e3,
        0x7fff_d613_c860_1e8c, 0x7fff_f1d6_90d2_ca78, 0x7fff_fb70_8001_9a0e, 0x7fff_fe99_a27f_d63f,
        0x7fff_ff97_297e_e664, 0x7fff_ffe2_c5c8_3b5f, 0x7fff_fff8_3c56_db2a, 0x7fff_fffe_08e5_4c03,
        0x7fff_ffff_86ad_2dff, 0x7fff_ffff_e420_aebb, 0x7fff_ffff_f9e6_733d, 0x7fff_ffff_feba_78f2,
        0x7fff_ffff_ffbf_5cbc, 0x7fff_ffff_fff3_c688, 0x7fff_ffff_fffd_cc4f, 0x7fff_ffff_ffff_9f4d,
        0x7fff_ffff_ffff_f034, 0x7fff_ffff_ffff_fd8b, 0x7fff_ffff_ffff_ffa3, 0x7fff_ffff_ffff_fff3,
        0x7fff_ffff_ffff_fffe,
    ]

    /// Fills `values` with independent draws, in a time that does not depend on them: every threshold is compared with every
    /// word. `words` is room for one word a value.
    static func fill(
        _ values: UnsafeMutableBufferPointer<UInt64>, words: UnsafeMutableBufferPointer<UInt64>,
        from stream: inout SecureRandomStream
    ) throws(CryptographyError) {
        precondition(values.count <= words.count, "a word for each value")
        let words = UnsafeMutableBufferPointer(rebasing: words[..<values.count])
        try stream.fill(UnsafeMutableRawBufferPointer(words))
        guard let source = words.baseAddress, let target = values.baseAddress else { return }
        let count = values.count
        for place in 0..<count { target[place] = 0 }
        // Threshold by threshold, so that the loop over values becomes vector code: (t - 1 - u) is negative where u >= t.
        for threshold in cumulative {
            let below = threshold &- 1
            for place in 0..<count { target[place] &+= (below &- source[place] >> 1) >> 63 }
        }
        // The lowest bit, which chose no magnitude, is the sign.
        for place in 0..<count {
            let sign = 0 &- (source[place] & 1)
            target[place] = (target[place] ^ sign) &- sign
        }
    }
}
