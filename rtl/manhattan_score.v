// manhattan_score: how far each key is from Lanes queries, as inhibition scores z' in 0..127.
//
//   z_ij = sum_k |q_ik - k_jk|;  zs = round_shift(z, shift);  c_i = min of zs_ij over the real keys j, or 0
//   z'_ij = min(max(zs_ij - c_i - delta, 0), 127), and 127 for a padded key
//
// A frame is one head (or one tile of Lanes queries of it):
//   s_axis_q  word k is feature k of all queries, int8, lane 0 in the low bits; tlast on the last, up to
//             HeadWidth words;
//   s_axis_k  then the keys as int8 scalars, key outside and feature inside; tuser is 1 if the key is real, 0
//             if it is padding; tlast on the last feature of the last key, up to Keys keys;
//   m_axis    word j is z' of all queries against key j, 8 bits a lane, lane 0 in the low bits; tlast on the
//             last.
// shift_i and delta_i stay put from the first key to the last word out.
//
// The rows of zs are kept, since the minimum is known only after the last key. Centring is an index into
// `hwsim.ops.manhattan_score.CENTRINGS`: 0 min, 2 none; 1, the mean, would need a divider and is refused.
//
// Cycles from the first word in to the last word out, without stalls: features + keys * features + keys + 4.
`default_nettype none

module manhattan_score #(
    parameter integer Lanes     = 16,
    parameter integer HeadWidth = 32, // most features of a head
    parameter integer Keys      = 64, // most keys
    parameter integer Centring  = 0
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire [        4:0] shift_i,
    input  wire [       14:0] delta_i,

    input  wire [8*Lanes-1:0] s_axis_q_tdata,
    input  wire               s_axis_q_tvalid,
    output wire               s_axis_q_tready,
    input  wire               s_axis_q_tlast,

    input  wire [        7:0] s_axis_k_tdata,
    input  wire               s_axis_k_tuser,
    input  wire               s_axis_k_tvalid,
    output wire               s_axis_k_tready,
    input  wire               s_axis_k_tlast,

    output wire [8*Lanes-1:0] m_axis_tdata,
    output reg                m_axis_tvalid,
    input  wire               m_axis_tready,
    output reg                m_axis_tlast
);
  localparam integer FeatureWidth = $clog2(HeadWidth);
  localparam integer KeyWidth = $clog2(Keys);
  localparam integer ScoreWidth = 8 + FeatureWidth; // |q - k| <= 254 = 2^8 - 2
  localparam [2:0] Load = 3'd0, Run = 3'd1, Drain = 3'd2, Send = 3'd3, Flush = 3'd4;

  reg [2:0] state_q;
  reg [FeatureWidth-1:0] feature_q, final_feature_q;
  reg [8*Lanes-1:0] queries_q[0:HeadWidth-1];

  assign s_axis_q_tready = state_q == Load;
  assign s_axis_k_tready = state_q == Run;
  wire q_beat = s_axis_q_tvalid && s_axis_q_tready;
  wire k_beat = s_axis_k_tvalid && s_axis_k_tready;
  wire key_end = feature_q == final_feature_q;
  wire advance = !m_axis_tvalid || m_axis_tready;

  // Stage 1: read the queries' feature.
  reg k_valid_q, k_first_q, k_last_q, k_real_q;
  reg [7:0] k_q;
  reg [8*Lanes-1:0] read_q;

  // Stage 2: z, in g_lane. Stage 3: a finished row goes into rows_q behind its mask bit.
  reg row_valid_q, row_real_q;
  reg [KeyWidth-1:0] row_q, final_row_q;
  wire [ScoreWidth*Lanes-1:0] rounded;
  reg [ScoreWidth*Lanes:0] rows_q[0:Keys-1];

  // Send: rows are read again from row 0.
  wire row_read = state_q == Send && advance;
  wire row_end = row_q == final_row_q;
  reg send_valid_q, send_end_q;
  reg [ScoreWidth*Lanes:0] send_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q       <= Load;
      feature_q     <= {FeatureWidth{1'b0}};
      row_q         <= {KeyWidth{1'b0}};
      k_valid_q     <= 1'b0;
      row_valid_q   <= 1'b0;
      send_valid_q  <= 1'b0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (q_beat) feature_q <= s_axis_q_tlast ? {FeatureWidth{1'b0}} : feature_q + 1'b1;
      if (k_beat) feature_q <= key_end ? {FeatureWidth{1'b0}} : feature_q + 1'b1;
      if (q_beat && s_axis_q_tlast) state_q <= Run;
      if (k_beat && s_axis_k_tlast) state_q <= Drain;
      k_valid_q   <= k_beat;
      row_valid_q <= k_valid_q && k_last_q;
      if (row_valid_q) row_q <= row_q + 1'b1;
      if (state_q == Drain && row_valid_q && !k_valid_q) begin
        state_q <= Send;
        row_q   <= {KeyWidth{1'b0}};
      end
      if (row_read) row_q <= row_end ? {KeyWidth{1'b0}} : row_q + 1'b1;
      // The next frame forgets the minimum, so it waits until the last word has left.
      if (row_read && row_end) state_q <= Flush;
      if (m_axis_tvalid && m_axis_tready && m_axis_tlast) state_q <= Load;
      if (advance) begin
        send_valid_q  <= row_read;
        m_axis_tvalid <= send_valid_q;
      end
    end

    if (q_beat) queries_q[feature_q] <= s_axis_q_tdata;
    if (q_beat) final_feature_q <= feature_q;

    read_q     <= queries_q[feature_q];
    k_q        <= s_axis_k_tdata;
    k_real_q   <= s_axis_k_tuser;
    k_first_q  <= feature_q == {FeatureWidth{1'b0}};
    k_last_q   <= key_end;
    row_real_q <= k_real_q;

    if (row_valid_q) rows_q[row_q] <= {row_real_q, rounded};
    if (row_valid_q) final_row_q <= row_q;
    if (advance) begin
      send_q       <= rows_q[row_q];
      send_end_q   <= row_end;
      m_axis_tlast <= send_end_q;
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      manhattan_score_lane #(
          .ScoreWidth(ScoreWidth),
          .Centred(Centring == 0)
      ) u_lane (
          .clk_i(clk_i),
          .shift_i(shift_i),
          .delta_i(delta_i),
          .clear_i(state_q == Load),
          .q_i(read_q[8*lane+:8]),
          .k_i(k_q),
          .k_valid_i(k_valid_q),
          .k_first_i(k_first_q),
          .row_real_i(row_valid_q && row_real_q),
          .zs_o(rounded[ScoreWidth*lane+:ScoreWidth]),
          .advance_i(advance),
          .zs_i(send_q[ScoreWidth*lane+:ScoreWidth]),
          .zs_real_i(send_q[ScoreWidth*Lanes]),
          .score_o(m_axis_tdata[8*lane+:8])
      );
    end

    if (Lanes != 1 && (Lanes < 4 || Lanes > 64 || (Lanes & (Lanes - 1)) != 0)) begin : g_lanes
      manhattan_score_refuses_lanes_other_than_1_4_8_16_32_64 refused ();
    end
    if (HeadWidth < 4 || HeadWidth > 64 || (HeadWidth & (HeadWidth - 1)) != 0) begin : g_head_width
      manhattan_score_refuses_head_width_other_than_4_8_16_32_64 refused ();
    end
    if (Keys < 8 || Keys > 128 || (Keys & (Keys - 1)) != 0) begin : g_keys
      manhattan_score_refuses_keys_other_than_8_16_32_64_128 refused ();
    end
    if (Centring != 0 && Centring != 2) begin : g_centring
      manhattan_score_refuses_centring_other_than_min_and_none refused ();
    end
  endgenerate
endmodule

`default_nettype wire
